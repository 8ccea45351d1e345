"""What stands behind the figure: a picture by number, a level, a hole, a mood and a latent."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthbook.layers import check_shape
from synthbook.semantic_pyramid.levels import LEVELS, MAPS
from synthbook.semantic_pyramid.masks import masked
from synthbook.semantic_pyramid.network import SemanticPyramid


class Chosen(nn.Module):
    """A trained generator around some pictures, whose features are read once and kept.

    model    : all of whose levels were trained.
    judge    : names categories of pictures (B, 3, H, W), as logits (B, K).
    pictures : (N, 3, H, W) in [-1, 1], of categories (N,).
    moods    : how many categories there are of one kind of place, side by side.
    """

    def __init__(self, model: SemanticPyramid, judge: nn.Module, pictures: Tensor,
                 category: Sequence[int] | Tensor, moods: int):
        super().__init__()
        self.config, self.generator, self.judge = model.config, model.generator, judge
        self.moods = moods
        with torch.no_grad():
            features = model.features(pictures)
        for name, x in zip(LEVELS, features):
            self.register_buffer(name, x, persistent=False)
        self.register_buffer("category", torch.as_tensor(category).long(), persistent=False)

    def masks(self, level: Tensor, hole: Tensor) -> list[Tensor]:
        """Masks of the seven levels: one of them, and outside a hole those that are finer.

        level : (B, 1), its number; hole : (B, H, W), 1 where to paint anew. Without a hole, and
        where the level has no places, it is supplied alone.
        """
        found, number = [], level.view(-1, 1, 1, 1)
        holed = (hole.amax((1, 2)) > 0.5).view(-1, 1, 1, 1) & (number < MAPS)
        for k, shape in enumerate(self.config.shapes):
            mine = (number == k).float()
            if k < MAPS:
                step = hole.shape[-1] // shape[1]
                at = hole[:, None, step // 2::step, step // 2::step]
                finer = (holed & (number > k)).float()
                found.append(mine.expand(-1, 1, *shape[1:]).maximum((at < 0.5).float() * finer))
            else:
                found.append(mine[:, :, 0, 0])
        return found

    def forward(self, picture: Tensor, level: Tensor, hole: Tensor, mood: Tensor, z: Tensor
                ) -> tuple[Tensor, Tensor]:
        """A picture (B, 3, H, W) in [-1, 1], and the judge's shares for what was told, (B, 2).

        The shares are those of the place's kind, in any mood, and of the mood, in any kind.

        Parameters
        ----------
        picture : (B, 1), the number of the reference.
        level   : (B, 1), the number of the level that is given.
        hole    : (B, H, W), 1 where it alone is; see :meth:`masks`.
        mood    : (B, 1), 0 for the reference's own, else one more than the mood's number.
        z       : (B, Z), N(0, 1).
        """
        check_shape(hole, B=None, H=self.config.size, W=self.config.size)
        n = picture[:, 0].long()
        own = self.category[n]
        kind = torch.div(own, self.moods, rounding_mode="floor")
        told = torch.where(mood[:, 0] > 0, mood[:, 0].long() - 1, own - kind * self.moods)
        masks = self.masks(level, hole)
        features = [masked(getattr(self, name)[n], mask) for name, mask in zip(LEVELS, masks)]
        image = self.generator(z, features, masks, kind * self.moods + told)
        share = self.judge(image).softmax(1)
        share = share.view(-1, self.config.categories // self.moods, self.moods)
        kinds, moods = share.sum(2), share.sum(1)
        seen = (kinds.gather(1, kind[:, None]), moods.gather(1, told[:, None]))
        return image, torch.cat(seen, 1)
