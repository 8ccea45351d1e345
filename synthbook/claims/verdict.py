"""From measured values to a verdict: intervals of ratios and differences, seeds, thresholds."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthbook.files import BookError

STATUSES = ("reproduced", "not reproduced", "inconclusive", "not tested")


class Missing(Exception):
    """What a claim's test needs and does not find: the claim is not tested, never guessed."""


@dataclass(frozen=True)
class Measured:
    """A value with its 95 % interval; `low <= value <= high`, bounds may be infinite."""

    value: float
    low: float
    high: float

    def __post_init__(self):
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is not in [{self.low}, {self.high}]")


def ratio(a: Measured, b: Measured) -> Measured:
    """a / b of two quantities that are not negative.

    The two intervals are combined on the scale of logarithms by recovering variances (MOVER:
    Zou and Donner 2008) as if they were independent, which is wider than the truth where both
    come from the same label maps. A bound that reaches 0 leaves that side open.
    """
    if not (a.value >= 0 and b.value > 0):
        raise Missing(f"a ratio of {a.value:.3g} and {b.value:.3g} says nothing")
    if a.value == 0:
        return Measured(0.0, 0.0, a.high / b.low if b.low > 0 else math.inf)
    middle = a.value / b.value
    down = math.hypot(_log(a.value, a.low), _log(b.high, b.value))
    up = math.hypot(_log(a.high, a.value), _log(b.value, b.low))
    high = middle * math.exp(up) if up < 700 else math.inf
    return Measured(middle, middle * math.exp(-down), high)


def _log(large: float, small: float) -> float:
    """log(large / small), infinite where `small` is not above 0."""
    return math.log(large / small) if small > 0 and large < math.inf else math.inf


def difference(a: Measured, b: Measured, times: float = 1.0) -> Measured:
    """a - times * b, `times` > 0, by recovering variances (MOVER); for values of any sign."""
    value = a.value - times * b.value
    down = math.hypot(a.value - a.low, times * (b.high - b.value))
    up = math.hypot(a.high - a.value, times * (b.value - b.low))
    return Measured(value, value - down, value + up)


def reverse(a: Measured) -> Measured:
    """-a: a difference taken the other way round."""
    return Measured(-a.value, -a.high, -a.low)


def pooled(values: Sequence[Measured]) -> Measured:
    """Mean over seeds, with Student's interval of the seeds and their mean measurement error.

    All seeds are measured on the same label maps, so that error does not average out: its mean
    half-width is added in quadrature. Positive values, ratios among them, are averaged as
    logarithms where every bound allows it.
    """
    if len(values) == 1:
        return values[0]
    if all(v.low > 0 and math.isfinite(v.high) for v in values):
        logs = [Measured(math.log(v.value), math.log(v.low), math.log(v.high)) for v in values]
        mean = _mean(logs)
        return Measured(math.exp(mean.value), math.exp(mean.low), math.exp(mean.high))
    return _mean(values)


def _mean(values: Sequence[Measured]) -> Measured:
    """The arithmetic case of :func:`pooled`, two values or more."""
    from scipy.special import stdtrit

    n = len(values)
    mean = sum(v.value for v in values) / n
    spread = math.sqrt(sum((v.value - mean) ** 2 for v in values) / (n - 1))
    seeds = float(stdtrit(n - 1, 0.975)) * spread / math.sqrt(n)
    down = sum(v.value - v.low for v in values) / n
    up = sum(v.high - v.value for v in values) / n
    return Measured(mean, mean - math.hypot(seeds, down), mean + math.hypot(seeds, up))


@dataclass(frozen=True)
class Threshold:
    """`quantity <= bound` or `quantity >= bound`; also what a reader sees of it."""

    quantity: str
    relation: str  # "<=" or ">="
    bound: float

    def holds(self, value: float) -> bool:
        """Whether `value` is on the claim's side."""
        return value <= self.bound if self.relation == "<=" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.quantity} {self.relation} {self.bound:g}"


def threshold(line: str) -> Threshold:
    """`QUANTITY <= NUMBER` or `QUANTITY >= NUMBER` as a threshold."""
    match = re.fullmatch(r"(\S.*?) (<=|>=) (-?\d+(?:\.\d+)?)", line)
    if not match:
        raise BookError(f"cannot read the threshold {line!r}: write `QUANTITY <= NUMBER`")
    return Threshold(match[1], match[2], float(match[3]))


@dataclass(frozen=True)
class Condition:
    """One threshold, judged."""

    threshold: Threshold
    mean: Measured
    points: tuple[float, ...]  # one a seed
    status: str


def judge(threshold: Threshold, seeds: Sequence[Measured]) -> Condition:
    """Reproduced or not where interval and seeds all lie on one side, else inconclusive."""
    mean = pooled(seeds)
    points = tuple(v.value for v in seeds)
    holds = {threshold.holds(x) for x in (mean.low, mean.high, *points)}
    status = "inconclusive"
    if len(holds) == 1:
        status = "reproduced" if holds.pop() else "not reproduced"
    return Condition(threshold, mean, points, status)


def overall(conditions: Sequence[Condition]) -> Condition:
    """The condition that decides a claim: the first that fails, else the first in doubt.

    Where every condition is reproduced it is the first one, the claim's headline.
    """
    for status in ("not reproduced", "inconclusive", "reproduced"):
        for condition in conditions:
            if condition.status == status:
                return condition
    raise ValueError("a claim needs a condition")


Test = Callable[[dict], dict[str, Measured]]
TESTS: dict[str, Test] = {}


def registered(function: Test) -> Test:
    """Register a claim's test under its name, which is how the ledger's files refer to it.

    A test takes the results of one seed, by model, and returns the measured quantities that
    the ledger holds against its thresholds.
    """
    TESTS[function.__name__] = function
    return function
