"""The tests of `smis.yml`: what each claim of SMIS measures, from the results of one seed."""

from synthbook.claims.evidence import Result, gap
from synthbook.claims.verdict import Measured, difference, ratio, registered

Results = dict[str, Result]  # by variant: "groupdnet", "vspade", ...


@registered
def class_control(r: Results) -> dict[str, Measured]:
    """Redraw one class: change outside it against change inside, the model's and the oracle's."""
    net = r["groupdnet"]
    return {"mOCD / mCSD": ratio(net("mocd"), net("mcsd")),
            "mOCD / oracle's mCSD": ratio(net("mocd"), net.reference("oracle", "mcsd"))}


@registered
def global_latent(r: Results) -> dict[str, Measured]:
    """VSPADE's leakage when its latent is redrawn, and when it copies one class's new style."""
    net, rival = r["groupdnet"], r["vspade"]
    leak, rival_leak = (ratio(x("encoded_mocd"), x("encoded_mcsd")) for x in (net, rival))
    return {"VSPADE's mOCD / its LPIPS": ratio(rival("mocd"), rival("lpips")),
            "VSPADE's mOCD / mCSD over GroupDNet's, encoded styles": ratio(rival_leak, leak)}


@registered
def other_global_latents(r: Results) -> dict[str, Measured]:
    """mOCD of the other models with one latent, against the diversity of their whole images."""
    return {f"{name}'s mOCD / its LPIPS": ratio(r[key]("mocd"), r[key]("lpips"))
            for name, key in {"BicycleGAN": "bicyclegan", "DSCGAN": "dscgan"}.items()}


@registered
def comparable_change(r: Results) -> dict[str, Measured]:
    """mCSD against VSPADE's, while mOCD stays far below it."""
    net = r["groupdnet"]
    return {"mCSD / VSPADE's mCSD": ratio(net("mcsd"), r["vspade"]("mcsd")),
            "mOCD / mCSD": ratio(net("mocd"), net("mcsd"))}


@registered
def merging_groups(r: Results) -> dict[str, Measured]:
    """Distance to real images with merging groups and with constant ones, light shared."""
    return {"KID - GroupNet's KID": gap("kid_judge", r["groupdnet-light"], r["groupnet-light"])}


@registered
def against_streams(r: Results) -> dict[str, Measured]:
    """Distance to real images of GroupDNet and of one stream per class, light shared."""
    return {"KID - MulNet's KID": gap("kid_judge", r["groupdnet-light"], r["mulnet-light"])}


@registered
def separability(r: Results) -> dict[str, Measured]:
    """mOCD of the relatives against GroupDNet's."""
    base = r["groupdnet"]("mocd")
    return {f"{name}'s mOCD / GroupDNet's": ratio(r[key]("mocd"), base)
            for name, key in {"GroupNet": "groupnet", "GroupEnc": "groupenc",
                              "VSPADE": "vspade"}.items()}


@registered
def separability_of_streams(r: Results) -> dict[str, Measured]:
    """mOCD of one stream per class against GroupNet's."""
    return {"MulNet's mOCD / GroupNet's": ratio(r["mulnet"]("mocd"), r["groupnet"]("mocd"))}


@registered
def quality_by_classes(r: Results) -> dict[str, Measured]:
    """KID against VSPADE's at 8 classes; how the mIoU that is given up grows to 40 classes.

    `kid_judge_minus_vspade` is paired: both models draw from the same layouts and blocks.
    """
    few, rival = r["groupdnet-8"], r["vspade-8"]
    lost = {k: difference(r[f"vspade-{k}"]("miou"), r[f"groupdnet-{k}"]("miou")) for k in (8, 40)}
    return {"KID - 1.1 * VSPADE's KID, 8 classes":
            difference(few("kid_judge_minus_vspade"), rival("kid_judge"), 0.1),
            "mIoU lost at 40 classes - at 8": difference(lost[40], lost[8])}


@registered
def diversity(r: Results) -> dict[str, Measured]:
    """Diversity of whole images and of one class against the renderer's own."""
    net = r["groupdnet"]
    return {"LPIPS / oracle's LPIPS": ratio(net("lpips"), net.reference("oracle", "lpips")),
            "mCSD / oracle's mCSD": ratio(net("mcsd"), net.reference("oracle", "mcsd")),
            "mOCD / oracle's mCSD": ratio(net("mocd"), net.reference("oracle", "mcsd"))}


@registered
def speed(r: Results) -> dict[str, Measured]:
    """Images a second of GroupDNet and of one stream per class of the same width."""
    return {"images/s / MulNet's": ratio(
        r["groupdnet"]("images_per_second"), r["mulnet"]("images_per_second"))}


@registered
def split_input(r: Results) -> dict[str, Measured]:
    """Leakage of a model whose encoder sees the whole image for every class, against ours."""
    leak, whole = (ratio(x("mocd"), x("mcsd")) for x in (r["groupdnet"], r["groupdnet-unsplit"]))
    return {"unsplit mOCD / mCSD, over GroupDNet's": ratio(whole, leak)}


@registered
def latent_map(r: Results) -> dict[str, Measured]:
    """Realism and reconstruction with a map of latents and with one vector a class."""
    grid, vector = r["groupdnet-map"], r["groupdnet"]
    return {"map's KID - vector's": gap("kid_judge", grid, vector),
            "map's PSNR - vector's, rebuilt": gap("rebuilt_psnr", grid, vector)}


@registered
def applications(r: Results) -> dict[str, Measured]:
    """Mixtures keep each source's colours; morphs never turn back."""
    net = r["groupdnet"]
    return {"colour error to the source / to others":
            ratio(net("mixture_own_error"), net("mixture_other_error")),
            "share of morph steps away from the start": net("morph_forward")}
