"""The tests of `bachgan.yml`: what each claim of BachGAN measures, from the results of one seed."""

from synthbook.claims.evidence import Result, gap
from synthbook.claims.verdict import Measured, difference, ratio, registered, reverse

Results = dict[str, Result]  # by variant: "bachgan", "spade-boxes", ...


@registered
def realism_from_boxes(r: Results) -> dict[str, Measured]:
    """KID of BachGAN and of SPADE from boxes, on the same layouts."""
    return {"KID - SPADE's": r["bachgan"]("kid_judge_minus_spade-boxes")}


@registered
def alignment_from_boxes(r: Results) -> dict[str, Measured]:
    """The judge's accuracy on images of BachGAN and of SPADE from boxes: everywhere, on things."""
    net, rival = r["bachgan"], r["spade-boxes"]
    return {"pixel accuracy - SPADE's": gap("pixel_accuracy", net, rival),
            "accuracy of things - SPADE's": gap("accuracy_things", net, rival)}


@registered
def retrieval_alone(r: Results) -> dict[str, Measured]:
    """KID and accuracy of BachGAN-r, one map without fusion, and of SPADE from boxes."""
    net, rival = r["bachgan-r"], r["spade-boxes"]
    return {"BachGAN-r's KID - SPADE's": net("kid_judge_minus_spade-boxes"),
            "BachGAN-r's pixel accuracy - SPADE's": gap("pixel_accuracy", net, rival)}


@registered
def fusion(r: Results) -> dict[str, Measured]:
    """KID and accuracy of BachGAN and of BachGAN-r."""
    net, rival = r["bachgan"], r["bachgan-r"]
    return {"KID - BachGAN-r's": net("kid_judge_minus_bachgan-r"),
            "pixel accuracy - BachGAN-r's": gap("pixel_accuracy", net, rival)}


@registered
def segmentation_loss(r: Results) -> dict[str, Measured]:
    """The order of SPADE from boxes, SPADE-SEG and BachGAN-r by KID."""
    return {"SPADE-SEG's KID - SPADE's": r["spade-seg"]("kid_judge_minus_spade-boxes"),
            "BachGAN-r's KID - SPADE-SEG's": r["bachgan-r"]("kid_judge_minus_spade-seg")}


@registered
def relevance_effect(r: Results) -> dict[str, Measured]:
    """KID(kin-3) - KID(top-3) where boxes call for their background, and where they do not.

    Beside it random-3, and the judge's accuracy on backgrounds.
    """
    net = r["bachgan"]
    effect, without = (reverse(r[name]("kid_judge_minus_kin-3"))
                       for name in ("bachgan", "bachgan-b0"))
    return {"relevance effect": effect,
            "relevance effect at strength 0 - half of that at 1": difference(without, effect, 0.5),
            "relevance effect turned round at strength 0 - half of that at 1":
            difference(reverse(without), effect, 0.5),
            "KID of random-3 - KID": reverse(net("kid_judge_minus_random-3")),
            "accuracy of the background - kin-3's": gap("accuracy_background", net, r["kin-3"])}


@registered
def memory_exchanged(r: Results) -> dict[str, Measured]:
    """One network with its own and with random maps: KID, and accuracy on backgrounds."""
    net = r["bachgan"]
    return {"KID with random maps - KID": net("random_kid_judge_minus_own"),
            "accuracy of the background - with random maps": difference(
                net("accuracy_background"), net("random_accuracy_background"))}


@registered
def memory_effect(r: Results) -> dict[str, Measured]:
    """KID(boxes) - KID(random-3)."""
    return {"memory effect": reverse(r["random-3"]("kid_judge_minus_spade-boxes"))}


@registered
def bank_size(r: Results) -> dict[str, Measured]:
    """KID with the whole bank and with parts of it."""
    net = r["bachgan"]
    return {"KID - KID with 1/16 of the bank": net("kid_judge_minus_bachgan-bank16"),
            "KID - 1.1 * KID with 1/4 of the bank": difference(
                net("kid_judge_minus_bachgan-bank4"), r["bachgan-bank4"]("kid_judge"), 0.1)}


@registered
def number_of_maps(r: Results) -> dict[str, Measured]:
    """KID with three maps, and with one and five."""
    net = r["bachgan"]
    return {"KID - KID with one map": net("kid_judge_minus_bachgan-1"),
            "KID - 1.1 * KID with five maps": difference(
                net("kid_judge_minus_bachgan-5"), r["bachgan-5"]("kid_judge"), 0.1)}


@registered
def meaningful_score(r: Results) -> dict[str, Measured]:
    """Share of right background pixels: the best-scored map's less a random one's.

    Counted on label maps, where boxes call for their background and where they do not.
    """
    found = r["relevance"]
    of_kind = {s: found(f"top-1 - kin-1 at strength {s}") for s in (0, 1)}
    return {"lead over random maps": found("top-1 - random-1 at strength 1"),
            "lead over random maps of the same kind": of_kind[1],
            "lead over random maps of the same kind, strength 0": of_kind[0]}


@registered
def gap_to_segmentation(r: Results) -> dict[str, Measured]:
    """KID, and accuracy on backgrounds, of SPADE on the true label map and of BachGAN."""
    best = r["segmentation"]
    return {"segmentation's KID - KID": best("kid_judge_minus_bachgan"),
            "segmentation's accuracy of the background - BachGAN's":
            gap("accuracy_background", best, r["bachgan"])}


@registered
def against_layout2im(r: Results) -> dict[str, Measured]:
    """KID of BachGAN and of Layout2Im, on the same boxes."""
    return {"KID - Layout2Im's": r["bachgan"]("kid_judge_minus_layout2im")}


@registered
def sequential_boxes(r: Results) -> dict[str, Measured]:
    """A box is added: the judge's IoU in it, and the change outside over the change inside."""
    net = r["bachgan"]
    return {"IoU in the added box": net("added_iou"),
            "change outside the added box / inside": ratio(net("added_outside"),
                                                           net("added_inside"))}
