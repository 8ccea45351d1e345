"""What each paper's implementation does otherwise than the paper, declared by the papers' rooms."""

from synthbook.bachgan import recipe as bachgan
from synthbook.controllable_3d import deviations as controllable_3d
from synthbook.image2stylegan_pp import measure as image2stylegan_pp
from synthbook.image2stylegan_pp import recipe as image2stylegan_pp_recipe
from synthbook.semantic_pyramid import deviations as semantic_pyramid
from synthbook.smis import recipe as smis

DECLARED = {"bachgan": bachgan.DEVIATIONS,
            "controllable-3d": controllable_3d.DEVIATIONS,
            "image2stylegan-pp": image2stylegan_pp_recipe.deviations(
                image2stylegan_pp.FULL.settings),
            "semantic-pyramid": semantic_pyramid.DEVIATIONS,
            "smis": smis.DEVIATIONS}


def table() -> list[tuple[str, str, str, str, str]]:
    """All declared deviations, one row each: slug, part, in the paper, here, why."""
    return [(slug, *row) for slug, rows in DECLARED.items() for row in rows]
