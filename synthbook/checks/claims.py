"""What answers to the exercises on the ledger are tried on, and typical mistakes; words beside."""

import math
import statistics

from synthbook.claims.verdict import Measured, ratio
from synthbook.exercises import Check

T = {2: 12.7062, 3: 4.30265, 5: 2.77645}  # Student's t for 95 % of 2, 3 and 5 seeds

# ------------------------------------------------------------------------------- verdicts


def verdict(low: float, high: float, points: list[float], bound: float) -> str:
    """The ledger's verdict on `quantity <= bound`."""
    holds = {x <= bound for x in (low, high, *points)}
    return "inconclusive" if len(holds) > 1 else "reproduced" if holds.pop() else "not reproduced"


def by_mean(low: float, high: float, points: list[float], bound: float) -> str:
    """Looks at the middle alone."""
    return "reproduced" if (low + high) / 2 <= bound else "not reproduced"


def by_majority(low: float, high: float, points: list[float], bound: float) -> str:
    """Lets the seeds vote."""
    passed = sum(p <= bound for p in points)
    return "reproduced" if 2 * passed > len(points) else "not reproduced"


VERDICT = Check(verdict, lambda: [
    (0.2, 0.3, [0.25], 0.5), (0.6, 0.8, [0.7], 0.5), (0.4, 0.6, [0.48], 0.5),
    (0.2, 0.3, [0.2, 0.25, 0.3], 0.5), (0.3, 0.45, [0.2, 0.3, 0.52], 0.5),
    (0.55, 0.9, [0.45, 0.7, 0.9], 0.5), (0.45, 0.9, [0.6, 0.7, 0.8], 0.5),
    (0.6, 0.9, [0.6, 0.7, 0.8], 0.5), (0.4, 0.58, [0.51, 0.52, 0.44], 0.5),
    (0.45, 0.52, [0.47, 0.48, 0.49], 0.5)], {
    "mean": by_mean,
    "vote": by_majority,
    "interval": lambda low, high, points, bound: verdict(low, high, [(low + high) / 2], bound),
    "points": lambda low, high, points, bound: verdict(min(points), max(points), points, bound),
    "two": lambda low, high, points, bound: (
        "reproduced" if max(high, *points) <= bound else "not reproduced"),
})


# ---------------------------------------------------------------------------------- seeds


def student(values: list[float], t: float, ddof: int = 1, root: float = 0.5) -> tuple[float, ...]:
    """Mean and interval of values by their standard deviation."""
    n, mean = len(values), statistics.fmean(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - ddof))
    half = t * spread / n**root
    return mean, mean - half, mean + half


SEEDS = Check(student, lambda: [
    ([0.2, 0.4, 0.9], T[3]), ([1.0, 2.0], T[2]), ([0.5, 0.4, 0.45, 0.6, 0.3], T[5]),
    ([0.3, 0.3, 0.3], T[3])], {
    "spread": lambda values, t: student(values, t, root=0),
    "biased": lambda values, t: student(values, t, ddof=0),
    "normal": lambda values, t: student(values, 1.96),
    "root": lambda values, t: student(values, t, root=1),
    "ends": lambda values, t: (statistics.fmean(values), min(values), max(values)),
})


# ---------------------------------------------------------------------- ratios, differences

Triple = tuple[float, float, float]


def of_ratio(a: Triple, b: Triple) -> Triple:
    """The ledger's ratio of two quantities above 0."""
    r = ratio(Measured(*a), Measured(*b))
    return r.value, r.low, r.high


def crossed(a: Triple, b: Triple, up: float, down: float) -> Triple:
    """A ratio whose logarithm reaches so far up and down."""
    middle = a[0] / b[0]
    return middle, middle * math.exp(-down), middle * math.exp(up)


def same_ends(a: Triple, b: Triple) -> Triple:
    """Lower ends with lower ends."""
    logs = [[math.log(x) for x in one] for one in (a, b)]
    down = math.hypot(*(one[0] - one[1] for one in logs))
    up = math.hypot(*(one[2] - one[0] for one in logs))
    return crossed(a, b, up, down)


RATIO = Check(of_ratio, lambda: [
    ((1.0, 0.9, 1.1), (2.0, 1.9, 2.3)), ((0.02, 0.01, 0.03), (0.2, 0.19, 0.21)),
    ((3.0, 3.0, 3.0), (2.0, 1.0, 2.5))], {
    "corners": lambda a, b: (a[0] / b[0], a[1] / b[2], a[2] / b[1]),
    "straight": lambda a, b: (a[0] / b[0], *sorted((a[1] / b[1], a[2] / b[2]))),
    "ends": same_ends,
    "numerator": lambda a, b: tuple(x / b[0] for x in a),
})


def of_pairs(ours: list[float], theirs: list[float], paired: bool = True) -> tuple[float, float]:
    """Mean difference and its standard error."""
    n = len(ours)
    mean = statistics.fmean(ours) - statistics.fmean(theirs)
    if not paired:
        return mean, math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / n)
    return mean, statistics.stdev(a - b for a, b in zip(ours, theirs)) / math.sqrt(n)


def moved(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """The standard deviation of single differences in the place of the mean's error."""
    mean, error = of_pairs(ours, theirs)
    return mean, error * math.sqrt(len(ours))


PAIRED = Check(of_pairs, lambda: [
    ([1.0, 2.0, 3.0, 4.0], [0.8, 1.9, 2.7, 3.9]), ([0.3, 0.1, 0.7], [0.5, 0.2, 0.6])], {
    "unpaired": lambda ours, theirs: of_pairs(ours, theirs, False),
    "sign": lambda ours, theirs: of_pairs(theirs, ours),
    "deviation": moved,
})


# --------------------------------------------------------------------------------- chance


def at_least(needed: int, seeds: int, p: float) -> float:
    """P(at least so many of all seeds pass), by counting every outcome."""
    outcomes = ((i.bit_count(), p**i.bit_count() * (1 - p) ** (seeds - i.bit_count()))
                for i in range(2**seeds))
    return math.fsum(share for passed, share in outcomes if passed >= needed)


CHANCE = Check(at_least, lambda: [(2, 3, 0.5), (3, 3, 0.5), (5, 5, 0.5), (4, 5, 0.25),
                                  (0, 3, 0.5), (1, 4, 0.1)], {
    "exactly": lambda needed, seeds, p: at_least(needed, seeds, p) - at_least(
        needed + 1, seeds, p),
    "more": lambda needed, seeds, p: at_least(needed + 1, seeds, p),
    "power": lambda needed, seeds, p: p**needed,
    "orders": lambda needed, seeds, p: math.fsum(
        p**k * (1 - p) ** (seeds - k) for k in range(needed, seeds + 1)),
})

FAMILY = Check(
    lambda claims, level: -math.expm1(claims * math.log1p(-level)),
    lambda: [(11, 0.05), (1, 0.05), (60, 0.01), (3, 0.5)],
    {
        "expected": lambda claims, level: claims * level,
        "all": lambda claims, level: level**claims,
        "none": lambda claims, level: (1 - level) ** claims,
        "single": lambda claims, level: level,
    })

CHECKS = {"verdict": VERDICT, "seeds": SEEDS, "ratio": RATIO, "paired": PAIRED, "chance": CHANCE,
          "family": FAMILY}
