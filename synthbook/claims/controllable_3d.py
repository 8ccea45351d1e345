"""The tests of `controllable-3d.yml`: what each claim measures, from the results of one seed."""

from synthbook.claims.evidence import Result, gap
from synthbook.claims.verdict import Measured, difference, ratio, registered, reverse

Results = dict[str, Result]  # by variant: "controllable-3d", "gan", ...
CORE = "controllable-3d"
GROUND = "controllable-3d-ground"


@registered
def objects_apart(r: Results) -> dict[str, Measured]:
    """How often a primitive by itself is one car, over the renderer's; cars in backgrounds."""
    net = r[GROUND]
    return {"one object a primitive / the renderer's": ratio(
                net("one_object"), net.reference("oracle", "one_object")),
            "backgrounds with a car": net("behind_cars")}


@registered
def realism_kept(r: Results) -> dict[str, Measured]:
    """The distance from real pictures, over and less that of a GAN without handles."""
    net, free = r[CORE], r["gan"]
    return {"FD / the GAN's": ratio(net("fd_judge"), free("fd_judge")),
            "the GAN's KID - the model's": free(f"kid_judge_minus_{CORE}")}


@registered
def graceful(r: Results) -> dict[str, Measured]:
    """Distances after moves and turns over the one before, each less what the renderer's add."""
    net = r[CORE]
    def over(edit: str) -> Measured:
        floor = difference(net.reference("oracle", f"fd_judge_{edit}"),
                           net.reference("oracle", "fd_judge"))
        grown = difference(net(f"fd_judge_{edit}"), floor)
        return difference(grown, net("fd_judge"), 1.6)

    return {"FD moved, less the renderer's excess, - 1.6 FD": over("moved"),
            "FD turned, less the renderer's excess, - 1.6 FD": over("turned")}


@registered
def obedience(r: Results) -> dict[str, Measured]:
    """Moves told and moves seen by the judge (T1), headings (T2), and a turning camera (T5)."""
    net = r[CORE]
    return {"slope of moves": net("move_slope"),
            "R2 of moves / the renderer's": ratio(net("move_r2"),
                                                  net.reference("oracle", "move_r2")),
            "error of headings - the renderer's, degrees": difference(
                net("turn_error"), net.reference("oracle", "turn_error")),
            "slope under the camera": net("orbit_slope"),
            "error under the camera - the renderer's, pixels": difference(
                net("orbit_error"), net.reference("oracle", "orbit_error"))}


@registered
def headings(r: Results) -> dict[str, Measured]:
    """T2, with T1 and T5, of the one model that is asked."""
    (net,) = r.values()
    return {"error of headings - the renderer's, degrees": difference(
                net("turn_error"), net.reference("oracle", "turn_error")),
            "slope of moves": net("move_slope"), "slope under the camera": net("orbit_slope")}


@registered
def against_boxes(r: Results) -> dict[str, Measured]:
    """How much cars turn while they are only moved: boxes on the picture, less primitives in 3D."""
    return {"slip of boxes on the picture - of primitives, degrees": gap(
        "slip", r["two-d"], r[CORE])}


@registered
def depth_order(r: Results) -> dict[str, Measured]:
    """T4: what is seen where one object is put before another, over the renderer's."""
    net = r[CORE]
    return {"pixels of the nearer object / the renderer's": ratio(
        net("order_right"), net.reference("oracle", "order_right"))}


@registered
def nothing_else(r: Results) -> dict[str, Measured]:
    """T3: what a move changes away from the object: layers exactly, and pixels by the judge."""
    net = r[CORE]
    return {"change beyond silhouettes": net("outside"),
            "change away from the car - the renderer's": difference(
                net("leakage"), net.reference("oracle", "leakage"))}


@registered
def objects_where_primitives_are(r: Results) -> dict[str, Measured]:
    """T6: distance of cars from their primitives' centres, and how it wanders with a turn."""
    net = r[CORE]
    return {f"{key} - the renderer's, pixels": difference(
                net(key), net.reference("oracle", key)) for key in ("offset", "wander")}


@registered
def added_and_removed(r: Results) -> dict[str, Measured]:
    """T7: as many cars as primitives, over the renderer's; pixels of a car that is taken away."""
    net = r[CORE]
    return {"scenes counted right / the renderer's": ratio(
                net("count_right"), net.reference("oracle", "count_right")),
            "pixels cleared by a removal": net("removed")}


@registered
def primitives_alike(r: Results) -> dict[str, Measured]:
    """Distances from real pictures with other primitives, over that with cuboids."""
    return {f"FD of {kind}s / of cuboids": ratio(r[kind]("fd_judge"), r[CORE]("fd_judge"))
            for kind in ("ellipsoid", "point")}


@registered
def condition(r: Results) -> dict[str, Measured]:
    """Cars in backgrounds, without the flag c and with it."""
    without, net = r["no-condition-ground"], r[GROUND]
    return {"backgrounds with a car, without c - three times with": difference(
        without("behind_cars"), net("behind_cars"), 3.0),
            "backgrounds with a car, without c": without("behind_cars")}


@registered
def rotation(r: Results) -> dict[str, Measured]:
    """How much cars turn while they are only moved, without a rotation and with it."""
    return {"slip without rotation / with": ratio(r["no-rotation"]("slip"), r[CORE]("slip"))}


@registered
def painter(r: Results) -> dict[str, Measured]:
    """Distance from real pictures without the 2D generator, over that with it."""
    return {"FD without a 2D generator / with": ratio(r["no-2d"]("fd_judge"),
                                                      r[CORE]("fd_judge"))}


@registered
def compactness(r: Results) -> dict[str, Measured]:
    """Size of primitives and how tightly they hold their objects, without the loss and with it."""
    without, net = r["no-compactness"], r[CORE]
    return {"area of primitives without / with": ratio(without("area"), net("area")),
            "overlap of boxes with - without": gap("snug", net, without)}


@registered
def consistency(r: Results) -> dict[str, Measured]:
    """What the warp leaves with the loss over what it leaves without; colours that turn with it.

    And T9: how much better an object seen from another side agrees, in dB.
    """
    without, net = r["no-consistency"], r[CORE]
    return {**{f"residual of {name} with / without": ratio(net(f"warp_{name}"),
                                                           without(f"warp_{name}"))
               for name in ("depth", "colour")},
            "shift of colour with - without": gap("colour_shift", net, without),
            "PSNR from another side with - without, dB": reverse(
                gap("view_psnr", without, net))}


@registered
def network_of_poses(r: Results) -> dict[str, Measured]:
    """The paper's own pose network against poses that are drawn as the data's are."""
    net, drawn = r["pose-mlp"], r[CORE]
    return {"one object a primitive / the renderer's": ratio(
                net("one_object"), net.reference("oracle", "one_object")),
            "FD / of drawn poses": ratio(net("fd_judge"), drawn("fd_judge"))}


@registered
def on_photographs(r: Results) -> dict[str, Measured]:
    """Slope of moves, and distance from real pictures, on a small set of photographs."""
    net = r["fruit"]
    return {"slope of moves": net("move_slope")}


@registered
def other_things(r: Results) -> dict[str, Measured]:
    """Slope of moves, and one object a primitive over the renderer's, of the one model asked."""
    (net,) = r.values()
    return {"slope of moves": net("move_slope"), "one object a primitive / the renderer's": ratio(
        net("one_object"), net.reference("oracle", "one_object"))}
