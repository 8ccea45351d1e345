"""What Semantic Pyramid is measured by, and the pictures that it is held against.

Everything here looks at final images only. A level of a held-out picture is given, and whatever
comes back is asked: how like the picture is it, at every level? does it show the same category?
how much do several answers differ? is it like a real picture? Then what the trained generator does
besides: re-painting, re-labelling, composition, pictures without colours and drawings.

A metric ends in the level that was given: `ssim_conv5`. `error_conv5_at_conv3` is the distance at
conv3 where conv5 was given, `error_conv5` that at conv5 itself.
"""

from functools import cached_property

import torch
from torch import Tensor, nn

from synthbook import metrics, yardsticks
from synthbook.datasets.cache import Cached, cached
from synthbook.datasets.generated import to_image
from synthbook.metrics import Estimate, mean_estimate
from synthbook.semantic_pyramid import quantities
from synthbook.semantic_pyramid.classifier import (
    Classifier,
    classifier_config,
    first_images,
    trained,
    untrained,
)
from synthbook.semantic_pyramid.levels import LEVELS
from synthbook.semantic_pyramid.painters import (
    Broken,
    Kin,
    Model,
    Painter,
    Renderer,
    Retrieved,
    Same,
    Task,
    another_mood,
    middle,
)
from synthbook.yardsticks import SEED, Row, Rows

CARD = {
    "intended change": ("repaint_inside", "closest to the oracle"),
    "leakage": ("repaint_outside", "smaller is better"),
    "realism": ("kid_judge_conv5", "smaller is better"),
}
COMPARED = ("conv3", "conv5", "fc7", "fc8")  # levels at which inversions are compared
RELABELLED = ("conv3", "conv4", "conv5", "fc7", "fc8")
REPAINTED, COMPOSED, FOREIGN = "conv5", "conv4", "conv5"  # the level that each is given
POOL = 2_000  # scenes among which others of the same category are looked for


def exact(value: float) -> Estimate:
    """A number that is read off, not estimated."""
    return Estimate(value, value, value, 1, "")


class Setup(yardsticks.Setup):
    """What the models of one table share besides; the judge is the residual classifier."""

    @cached_property
    def asked(self) -> Task:
        """The test scenes, from whose pictures levels are taken."""
        items = [self.test.tensors(scene) for scene in self.scenes]
        return Task(*(torch.stack([item[key] for item in items]) for key in ("image", "category")),
                    self.scenes)

    @cached_property
    def classifier(self) -> Classifier:
        """The book's classifier of these data, the pyramid."""
        return trained(classifier_config(self.dataset, self.size, **self.knobs))

    @cached_property
    def train(self) -> Cached:
        """The training pictures, as many as the budget says."""
        return cached(self.data("train", self.budget.bank or 10_000, seed=0))

    @cached_property
    def kin(self) -> Kin:
        """Real pictures by their category."""
        return Kin(self.test, self.data("val", POOL, seed=SEED + 1), POOL)

    @cached_property
    def rendered(self) -> Tensor:
        """The test scenes with their colours drawn anew."""
        return Renderer(self.test, SEED)(self.asked, LEVELS[0], 1)

    @cached_property
    def known(self) -> dict[str, Tensor]:
        """Features of the held-out pictures in each space."""
        return {name: space(self.real) for name, space in self.spaces.items()}

    @property
    def pairs(self) -> int:
        """How many answers are compared with their reference one by one."""
        return max(self.budget.layouts, self.budget.images // 4)

    # -------------------------------------------------------------------------- one level

    def level_row(self, images: Tensor, draws: Tensor, network: Classifier
                  ) -> tuple[Row, dict[str, Tensor]]:
        """Answers (N, 3, H, W) to the task, and several (M, S, 3, H, W) to its first pictures.

        The row, and the values (n,) or (M,) of single pictures that are followed over levels.
        """
        task, n = self.asked, min(self.pairs, len(images))
        one, other = images[:n], task.images[:n]
        single = {"ssim": metrics.ssim(one, other), "psnr": metrics.psnr(one, other),
                  "lpips": metrics.lpips(one, other), "diversity": metrics.pairwise_lpips(draws)}
        row = {key: mean_estimate(value, "lpips" * (key in ("lpips", "diversity")))
               for key, value in single.items()}
        with torch.no_grad():
            gaps = quantities.feature_gaps(network.pyramid(other), network.pyramid(one))
        row |= {f"at_{name}": mean_estimate(gap, "pyramid") for name, gap in zip(LEVELS, gaps)}
        return row | self.named(images, task.category, "right") | self.likeness(images), single

    def named(self, images: Tensor, category: Tensor, what: str) -> Row:
        """How often pyramid and judge name a category for pictures: `WHAT` and `WHAT_judge`."""
        return {what + suffix: mean_estimate(
            (quantities.named(network, images) == category[:len(images)]).double(), name)
            for suffix, network, name in (("", self.classifier, "pyramid"),
                                          ("_judge", self.judge, "judge"))}

    def likeness(self, images: Tensor) -> Row:
        """How like real ones pictures are, as a set and, `pair_c2st`, beside their references.

        In pairs the real picture is the same scene with its colours drawn anew.
        """
        row, space = {}, self.spaces["judge"]
        for name, extractor in self.spaces.items():
            sets = self.known[name], extractor(images)
            row |= {f"kid_{name}": metrics.kid(*sets, extractor),
                    f"fd_{name}": metrics.fd(*sets, extractor)}
        row["c2st"] = metrics.c2st(self.known["judge"], space(images), space)
        count = len(images)
        row["pair_c2st"] = quantities.paired_c2st(space, self.rendered[:count], images,
                                                  self.asked.images[:count])
        return row

    def row(self, painter: Painter, network: Classifier | None = None
            ) -> tuple[Row, dict[str, Tensor]]:
        """Every metric of a painter at each of its levels, and its pictures by level.

        network : the classifier in whose features errors are counted; the book's unless given.
        """
        found, made, followed, plain = {}, {}, [], None
        few, count = self.asked.first(self.budget.layouts), max(2, self.budget.draws)
        for which in painter.levels:
            if plain is None or not painter.blind:
                made[which] = painter(self.asked, which, 0)
                draws = torch.stack([painter(few, which, d) for d in range(count)], 1)
                plain, single = self.level_row(made[which], draws, network or self.classifier)
            followed.append(single)
            for key, value in plain.items():
                found[f"error_{which}_{key}" if key.startswith("at_") else f"{key}_{which}"] = value
            found[f"error_{which}"] = plain[f"at_{which}"]
        if tuple(painter.levels) == LEVELS and not painter.blind:
            for key in ("ssim", "lpips", "diversity"):
                values = torch.stack([single[key] for single in followed])
                found[f"order_{key}"] = mean_estimate(quantities.rank_correlation(values))
            found["kid_judge_fc8_minus_conv1"] = self.closer(made["fc8"], made["conv1"])
        return found, made

    # ------------------------------------------------------------------------------ edits

    def edits(self, painter: Model | Broken | Kin, whole: Tensor) -> Row:
        """What edits change, inside and outside of what was asked.

        whole : the painter's answers to conv1, that re-painting is compared with.
        """
        repainted = painter.repainted(self.asked, REPAINTED, 0)
        row = self.in_region(repainted, "repaint") | self.composition(painter)
        few = self.asked.first(self.budget.layouts)
        draws = torch.stack([painter.repainted(few, REPAINTED, d)
                             for d in range(max(2, self.budget.draws))], 1)
        row |= {f"repaint_{where}": mean_estimate(value) for where, value in zip(
            ("inside", "outside"), quantities.spread(draws, middle(few.images)))}
        n, region = self.pairs, middle(self.asked.images)[:self.pairs]
        kept = [quantities.psnr_outside(x[:n], self.asked.images[:n], region)
                for x in (whole, repainted)]
        row["repaint_lost"] = mean_estimate(kept[0] - kept[1])
        row |= self.relabelling(painter) | self.foreign(painter, "grey", quantities.grey)
        row |= self.foreign(painter, "drawing", quantities.drawing)
        row["masked_change"] = exact(painter.reached_by_masked(few))
        return row

    def in_region(self, images: Tensor, what: str) -> Row:
        """Of pictures whose middle was changed: the rest in dB, the seam, likeness to real ones."""
        n = self.pairs
        one, other = images[:n], self.asked.images[:n]
        region, space = middle(other), self.spaces["judge"]
        return {f"{what}_psnr_outside": mean_estimate(
                    quantities.psnr_outside(one, other, region)),
                f"{what}_seam": mean_estimate(quantities.seam(one, other, region)),
                f"{what}_kid_judge": metrics.kid(self.known["judge"], space(images), space)}

    def composition(self, painter: Model | Broken | Kin) -> Row:
        """Another picture's middle in each: `compose_closer` says how often it shows there."""
        n, made = self.pairs, painter.composed(self.asked, COMPOSED, 0)
        target, source = self.asked.images, self.asked.others().images
        shown = quantities.nearer(made[:n], source[:n], target[:n], middle(target)[:n], self.judge)
        return self.in_region(made, "compose") | {"compose_closer": mean_estimate(shown, "judge")}

    def relabelling(self, painter: Model | Broken | Kin) -> Row:
        """Told another season or time of day: which category shows, and what of the scene stays.

        `renamed`: the new category is named. `kept`: the old one. `structure`: distance to the
        source at conv4, and `structure_judge` that of the judge's last features.
        """
        task, n, row, made = self.asked, self.pairs, {}, None
        new = another_mood(task.category)
        for which in RELABELLED:
            if made is None or not painter.blind:
                made = painter.relabelled(task, which, new)
            found = self.named(made, new, "renamed") | self.named(made, task.category, "kept")
            one, other = made[:n], task.images[:n]
            with torch.no_grad():
                seen = [self.classifier.pyramid(x)[3:4] + [self.judge.maps(x)]
                        for x in (one, other)]
            for name, gap in zip(("structure", "structure_judge"), quantities.feature_gaps(*seen)):
                found[name] = mean_estimate(gap)
            row |= {f"{key}_{which}": value for key, value in found.items()}
        return row

    def foreign(self, painter: Model | Broken | Kin, what: str, change) -> Row:
        """Pictures of another kind given at one level, told what fc8 names: do colours come?

        `chroma` and KID of the answers, and by how much they are nearer to real pictures than
        what was given.
        """
        given, space = change(self.asked.images), self.spaces["judge"]
        made = painter.told(given, FOREIGN, 0, None)
        return {f"{what}_chroma": mean_estimate(quantities.chroma(made)),
                f"{what}_kid_judge": metrics.kid(self.known["judge"], space(made), space),
                f"{what}_given_kid_judge": metrics.kid(self.known["judge"], space(given), space),
                f"{what}_kid_judge_minus_given": self.closer(made, given)}

    # --------------------------------------------------------------------- reference rows

    def reference(self, painter: Painter) -> Row:
        """A reference row: all levels, and edits where the painter has them."""
        rows, made = self.row(painter)
        if not getattr(painter, "edits", False):
            return rows
        return rows | self.edits(painter, made[LEVELS[0]])

    @cached_property
    def references(self) -> Rows:
        """The reference rows that are the same for every model.

        `oracle`: another real picture of the same category. `renderer`: the same scene in other
        colours. `floor`: any other real picture, also what chance gives. `trivial`: the mean
        picture. `retrieval`: the training picture with the nearest features; `untrained`: by
        features of the classifier before it learnt anything.
        """
        mean = to_image(self.train.stored["image"].mean(0, dtype=torch.float32))[None]
        blank = untrained(self.classifier.config, first_images(self.train))
        return {"oracle": self.reference(self.kin),
                "renderer": self.reference(Renderer(self.test, SEED + 1)),
                "floor": self.reference(Same(self.images("test", self.budget.images))),
                "trivial": self.reference(Same(mean)),
                "retrieval": self.reference(Retrieved(self.classifier, self.train, COMPARED)),
                "untrained": self.reference(Retrieved(blank, self.train, COMPARED))}

    def evaluate(self, model: nn.Module, seed: int) -> tuple[Row, Rows]:
        """Every metric of a model, and the reference rows; `seed` is of latents."""
        painter, network = Model(model, seed), model.classifier
        rows, made = self.row(painter, network)
        wrong = Broken(painter)
        broken, spoilt = self.row(wrong, network)
        if painter.edits:
            rows |= self.edits(painter, made[LEVELS[0]])
            broken |= self.edits(wrong, spoilt[LEVELS[0]])
        return rows, self.references | {"broken": broken}
