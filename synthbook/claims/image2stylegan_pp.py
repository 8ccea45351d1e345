"""The tests of `image2stylegan-pp.yml`: what each claim of Image2StyleGAN++ measures.

Nothing is trained for these claims: one result holds all embeddings in one generator. Differences
between two ways of embedding are taken portrait by portrait before they are averaged.
"""

from synthbook.claims.evidence import Result
from synthbook.claims.verdict import Measured, difference, ratio, registered

Results = dict[str, Result]  # by variant: "embedding"


@registered
def rows_for_every_layer(r: Results) -> dict[str, Measured]:
    """PSNR after W+ less PSNR after W, in equally many steps."""
    return {"PSNR of W+ - W's": r["embedding"]("wplus_minus_w")}


@registered
def noise_after_w(r: Results) -> dict[str, Measured]:
    """PSNR of W+ then noise, and what noise adds to W+ alone in as many steps."""
    own = r["embedding"]
    return {"PSNR with noise - W+ alone": own("noise_gain"),
            "PSNR with noise": own("psnr_sequential")}


@registered
def sequential_is_stable(r: Results) -> dict[str, Measured]:
    """What is left of an embedding when its noise is drawn anew, and half-way between two."""
    own = r["embedding"]
    return {"PSNR with fresh noise - joint's": own("fresh_minus_joint"),
            "KID half-way of joint - of sequential": own("kid_between_joint_minus_sequential"),
            "PSNR with fresh noise - reverse's": own("fresh_minus_reverse"),
            "KID half-way of reverse - of sequential": own("kid_between_reverse_minus_sequential")}


@registered
def near_w(r: Results) -> dict[str, Measured]:
    """Distance from W of the w of a joint embedding, less that of a sequential one."""
    return {"distance from W of joint - of sequential":
            r["embedding"]("distance_joint_minus_sequential")}


@registered
def noise_is_high_frequency(r: Results) -> dict[str, Measured]:
    """Share above a quarter of Nyquist of the energy that noise takes from the residual."""
    own = r["embedding"]
    return {"high share of what noise repairs": own("high_sequential"),
            "high share - that of noise without w": own("high_minus_noise_first")}


@registered
def holes_are_filled(r: Results) -> dict[str, Measured]:
    """Judge's distance from the truth of filled portraits less that of diffusion's fills."""
    own = r["embedding"]
    return {f"distance, {name} - {called}'s": own(f"away_{hole}_minus_{fill}")
            for hole, name in (("centre", "middle"), ("half", "half"))
            for fill, called in (("telea", "Telea"), ("biharmonic", "biharmonic"))} | {
        "PSNR of the known, middle": own("psnr_known_centre")}


@registered
def rows_of_inpainting(r: Results) -> dict[str, Measured]:
    """All rows of W+ free, or the listed ones, before the noise stage."""
    own = r["embedding"]
    return {"distance of all rows - of some": own("all_rows_away_minus_some"),
            "PSNR of the known, some rows - all": own("some_known_minus_all")}


@registered
def seams_are_blended(r: Results) -> dict[str, Measured]:
    """Accuracy of a classifier that tells seams from real pictures: crossover less pastes."""
    own = r["embedding"]
    return {f"C2ST - {name}'s": difference(own("c2st_seam_ours"), own(f"c2st_seam_{paste}"))
            for paste, name in (("paste", "hard paste"), ("feathered", "feathered paste"),
                                ("poisson", "Poisson"))}


@registered
def style_in_a_region(r: Results) -> dict[str, Measured]:
    """The judge's Gram distance from the style, after over before, and PSNR elsewhere."""
    own = r["embedding"]
    return {"Gram distance after / before": ratio(own("gram_after"), own("gram_before")),
            "PSNR elsewhere": own("psnr_beside")}


@registered
def scribbles_are_understood(r: Results) -> dict[str, Measured]:
    """Colour under a stroke, and realism, beside the portrait before and the paint itself."""
    own = r["embedding"]
    return {"colour error / before": ratio(own("stroke_error"), own("stroke_error_before")),
            "KID - the paint's": own("kid_scribble_minus_raw")}


@registered
def copying_is_best(r: Results) -> dict[str, Measured]:
    """Spatial copies of activations against averages and channels: fidelity and realism."""
    own = r["embedding"]
    return {f"{what} - that of {name}": own(f"{key}_copy_minus_{way}")
            for way, name in (("average", "averaging"), ("channels", "channels"))
            for key, what in (("fidelity", "PSNR inside"), ("kid", "KID"))}


@registered
def mean_start(r: Results) -> dict[str, Measured]:
    """Starts at the mean w and at random ones: PSNR, and distance of the result from the mean."""
    own = r["embedding"]
    return {"PSNR from the mean - from random starts": own("mean_start_gain"),
            "distance from the mean w, random - mean": own("random_further")}


@registered
def other_domains(r: Results) -> dict[str, Measured]:
    """What is lost on pictures of other kinds: with W+, with noise, by principal components."""
    own = r["embedding"]
    lost = {name: difference(own(here), own(there)) for name, here, there in (
        ("W+", "psnr_sequential_first", "psnr_strangers_first"),
        ("noise", "psnr_sequential", "psnr_strangers_sequential"),
        ("PCA", "psnr_pca", "psnr_strangers_pca"))}
    return {"dB lost with W+": lost["W+"], "dB lost with noise": lost["noise"],
            "dB lost with W+ - by PCA": difference(lost["W+"], lost["PCA"])}
