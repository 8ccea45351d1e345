"""The tests of `semantic-pyramid.yml`: what each claim measures, from the results of one seed."""

from synthbook.claims.evidence import Result, gap
from synthbook.claims.verdict import Measured, difference, ratio, registered, reverse

Results = dict[str, Result]  # by variant: "semantic-pyramid", "deepsim", ...
CORE = "semantic-pyramid"


@registered
def fidelity_by_level(r: Results) -> dict[str, Measured]:
    """Rank correlation of the level with SSIM and LPIPS to the reference, of single pictures.

    And SSIM at both ends, less that of another real picture of the same category.
    """
    net = r[CORE]
    chance = {name: net.reference("oracle", f"ssim_{name}") for name in ("conv1", "fc8")}
    return {"rank correlation of level and SSIM": net("order_ssim"),
            "rank correlation of level and LPIPS": net("order_lpips"),
            "SSIM at conv1 - that of the same category":
            difference(net("ssim_conv1"), chance["conv1"]),
            "SSIM at fc8 - that of the same category": difference(net("ssim_fc8"), chance["fc8"])}


@registered
def fidelity_of_learnt_levels(r: Results) -> dict[str, Measured]:
    """How much LPIPS to the reference grows from conv1 to fc7, less with untrained features."""
    lost, control = (difference(x("lpips_fc7"), x("lpips_conv1")) for x in (r[CORE], r["random"]))
    return {"LPIPS lost from conv1 to fc7 - with untrained features": difference(lost, control)}


@registered
def diversity_by_level(r: Results) -> dict[str, Measured]:
    """LPIPS between answers to one reference: its rank correlation with the level, its growth.

    And its size at fc8 against that between real pictures of the category, which is the most
    that the data allow.
    """
    net = r[CORE]
    top = ratio(net("diversity_fc8"), net.reference("oracle", "diversity_fc8"))
    return {"rank correlation of level and diversity": net("order_diversity"),
            "diversity at fc8 / at conv1": ratio(net("diversity_fc8"), net("diversity_conv1")),
            "diversity at fc8 / of real pictures of the category": top}


@registered
def meaning_kept(r: Results) -> dict[str, Measured]:
    """How often classifier and judge name the reference's category.

    At fc8 by itself, at fine levels as a share of how often they do for real pictures.
    """
    net = r[CORE]
    real = net.reference("oracle", "right_judge_conv3")
    return {"judge names the category at fc8": net("right_judge_fc8"),
            "classifier names the category at fc8": net("right_fc8"),
            "judge at conv1 / for real pictures": ratio(net("right_judge_conv1"), real),
            "judge at conv3 / for real pictures": ratio(net("right_judge_conv3"), real)}


@registered
def meaning_in_features(r: Results) -> dict[str, Measured]:
    """What features tell of the category without any label: nearest training pictures.

    And told a wrong label: the judge's naming of the reference's own category, at conv3, as a
    share of how often it names it for real pictures.
    """
    net = r[CORE]
    nearest, blank = (net.reference(row, "right_judge_fc7") for row in ("retrieval", "untrained"))
    return {"category of the nearest by fc7 - by untrained fc7": difference(nearest, blank),
            "category kept at conv3, told another / for real pictures": ratio(
                net("kept_judge_conv3"), net.reference("oracle", "right_judge_conv3"))}


@registered
def realism_by_level(r: Results) -> dict[str, Measured]:
    """KID from fine to coarse, and at fc8 against that of the mean picture."""
    net = r[CORE]
    return {"KID at fc8 - at conv1": net("kid_judge_fc8_minus_conv1"),
            "KID at fc8 - quarter of the mean picture's": difference(
                net("kid_judge_fc8"), net.reference("trivial", "kid_judge_fc8"), 0.25)}


@registered
def against_decoders(r: Results) -> dict[str, Measured]:
    """KID of deterministic decoders less that of the pyramid, level by level."""
    return {f"DeePSiM's KID - the pyramid's, {name}":
            r["deepsim"](f"kid_judge_minus_{CORE}_{name}") for name in ("fc8", "fc7", "conv5")}


@registered
def against_optimisation(r: Results) -> dict[str, Measured]:
    """KID of pictures whose pixels, or whose untrained networks, were fitted to the features."""
    net, found = r[CORE], r["inversion"]
    return {f"KID of {words} - the pyramid's, {name}": difference(
                found(f"{method} kid_judge at {name}"), net(f"kid_judge_{name}"))
            for method, words in {"pixels": "inverted pixels", "prior": "deep image prior"}.items()
            for name in ("fc8", "conv5")}


@registered
def one_model(r: Results) -> dict[str, Measured]:
    """Feature error and KID of the one model, less its specialists', each at its level."""
    net, found = r[CORE], {}
    for name in ("conv5", "fc8"):
        alone = r[f"only-{name}"]
        found[f"feature error at {name} / specialist's"] = ratio(
            net(f"error_{name}"), alone(f"error_{name}"))
        found[f"KID at {name} - specialist's - tenth of the mean picture's"] = difference(
            reverse(alone(f"kid_judge_minus_{CORE}_{name}")),
            net.reference("trivial", f"kid_judge_{name}"), 0.1)
    return found


@registered
def masked_levels(r: Results) -> dict[str, Measured]:
    """The largest change of any pixel where only features change that masks keep out."""
    return {"change of a pixel": r[CORE]("masked_change")}


@registered
def repainting(r: Results) -> dict[str, Measured]:
    """A hole is re-painted from conv5: spread over latents inside and outside, what it costs.

    The cost is in dB of PSNR outside, against generation from conv1 of the same pictures.
    """
    net = r[CORE]
    return {"spread inside / outside": ratio(net("repaint_inside"), net("repaint_outside")),
            "dB lost outside": net("repaint_lost")}


@registered
def varying_masks(r: Results) -> dict[str, Measured]:
    """Re-painting by a model that was never trained with regions, against the model that was."""
    without = r["no-regions"]
    return {"KID without regions in training - with":
            without(f"repaint_kid_judge_minus_{CORE}"),
            "seam without regions in training - with": gap("repaint_seam", without, r[CORE])}


@registered
def diversity_term(r: Results) -> dict[str, Measured]:
    """Diversity with the term over diversity without it."""
    net, without = r[CORE], r["no-diversity"]
    return {f"diversity at {name} / without the term": ratio(
                net(f"diversity_{name}"), without(f"diversity_{name}"))
            for name in ("fc8", "fc7", "conv5")}


@registered
def pooling(r: Results) -> dict[str, Measured]:
    """Diversity and feature error at conv4 with the max-pool in the loss, and without it.

    At 32 pixels conv4 has 4 x 4 places and conv5 2 x 2, of which the pool leaves one.
    """
    net, without = r["pool"], r[CORE]
    return {"diversity at conv4 with pool / without": ratio(net("diversity_conv4"),
                                                            without("diversity_conv4")),
            "feature error at conv4 with pool / without": ratio(net("error_conv4"),
                                                                without("error_conv4"))}


def foreign(net: Result, what: str, words: str) -> dict[str, Measured]:
    """Colours of the answers against those of real pictures; KID against that of what was given."""
    return {f"colour of answers to {words} / of real pictures": ratio(
                net(f"{what}_chroma"), net.reference("oracle", f"{what}_chroma")),
            f"KID of answers to {words} - half of what was given": difference(
                net(f"{what}_kid_judge_minus_given"),
                reverse(net(f"{what}_given_kid_judge")), 0.5)}


@registered
def without_colours(r: Results) -> dict[str, Measured]:
    """Grey pictures, given at conv5."""
    return foreign(r[CORE], "grey", "grey pictures")


@registered
def from_drawings(r: Results) -> dict[str, Measured]:
    """Drawings, given at conv5 of a classifier that learnt from photographs."""
    return foreign(r["vgg16"], "drawing", "drawings")


@registered
def relabelling(r: Results) -> dict[str, Measured]:
    """conv5 of a picture, told the same kind of place in another season or time of day.

    How often the judge names the new category, over how often it does when the renderer draws
    the same scene so. And how far the scene's conv4 moves: 0.6 of the way from the renderer's to
    any other picture's is the bound.
    """
    net = r[CORE]
    reached = difference(net("structure_conv5"), net.reference("oracle", "structure_conv5"), 0.4)
    return {"judge names the new category / for the renderer's": ratio(
                net("renamed_judge_conv5"), net.reference("oracle", "renamed_judge_conv5")),
            "distance at conv4 beyond 0.6 of the way to any other": difference(
                reached, net.reference("floor", "error_conv5_at_conv4"), 0.6)}
