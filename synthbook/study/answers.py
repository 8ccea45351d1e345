"""Answers as rows of a CSV file, and confusion rates with intervals."""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import torch

from synthbook.files import BookError, reason, replacing
from synthbook.metrics.estimate import Estimate, mean_estimate
from synthbook.study.trials import SIDES, TESTS, check_name

PERSON = "person"  # who answers, where no machine does


@dataclass(frozen=True)
class Answer:
    """One answered trial: a row of a file.

    study       : name of the study.
    who         : `person`, or the kind of machine that answered.
    participant : number from 1.
    trial       : place in the participant's order, from 1.
    test, condition, real, generated, real_side : see :class:`~synthbook.study.trials.Trial`.
    answer      : the side that was said to be real.
    exposure    : seconds for which the pictures were seen, as measured.
    seconds     : from the moment when they were hidden to the answer; 0 for machines.
    """

    study: str
    who: str
    participant: int
    trial: int
    test: str
    condition: str
    real: int
    generated: int
    real_side: str
    answer: str
    exposure: float
    seconds: float

    def __post_init__(self):
        for name, value in (("study", self.study), ("who", self.who),
                            ("condition", self.condition)):
            check_name(value, name)
        if self.test not in TESTS:
            raise BookError(f"test {self.test!r} is neither {' nor '.join(TESTS)}")
        for name in ("real_side", "answer"):
            if getattr(self, name) not in SIDES:
                raise BookError(f"{name} {getattr(self, name)!r} is neither {' nor '.join(SIDES)}")
        if min(self.participant, self.trial) < 1 or min(self.real, self.generated) < 0:
            raise BookError("participants and trials count from 1, scenes from 0")
        if (self.real == self.generated) != (self.test == "paired"):
            raise BookError(f"scenes {self.real} and {self.generated} are no {self.test} trial")
        if not all(math.isfinite(t) and t >= 0 for t in (self.exposure, self.seconds)):
            raise BookError("times are seconds, 0 or more")

    @property
    def confused(self) -> bool:
        """Whether the generated picture was taken for the real one."""
        return self.answer != self.real_side


COLUMNS = tuple(one.name for one in fields(Answer))
KINDS = {one.name: one.type for one in fields(Answer)}
WHOLE = re.compile(r"\d{1,9}")


def csv_text(answers: Iterable[Answer]) -> str:
    """The answers as the text of a CSV file, with its head."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(one) for one in answers)
    return text.getvalue()


def write_answers(path: str | Path, answers: Iterable[Answer]) -> None:
    """Write one participant's answers as a CSV file."""
    with replacing(path) as temporary:
        temporary.write_text(csv_text(answers), encoding="utf-8")


def read_answers(path: str | Path) -> list[Answer]:
    """One participant's answers; BookError, one line, where the file is no such thing."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BookError(f"{path} is no text in UTF-8; save it again as CSV, UTF-8") from error
    except OSError as error:
        raise BookError(f"cannot read {path}: {reason(error)}") from error
    return parsed(text, str(path))


def parsed(text: str, name: str) -> list[Answer]:
    """The answers in the text of a CSV file called `name`."""
    try:
        head, *rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row] or [[]]
    except csv.Error as error:
        raise BookError(f"{name} is no CSV file ({error}); use the file as it was saved") from error
    if tuple(head) != COLUMNS:
        raise BookError(f"{name} does not begin with the columns {','.join(COLUMNS)}; use the file "
                        "as it was saved")
    answers = []
    for number, row in enumerate(rows, 1):
        try:
            answers.append(answer_of(row))
        except BookError as error:
            raise BookError(f"{name}, row {number}: {error}; use the file as it was saved, or "
                            "leave it out") from error
    if not answers:
        raise BookError(f"{name} holds no answers; leave it out")
    if len({(one.study, one.who, one.participant) for one in answers}) > 1:
        raise BookError(f"{name} mixes participants or studies; one file is one participant's")
    if len({one.trial for one in answers}) < len(answers):
        raise BookError(f"{name} holds a trial twice; use the file as it was saved")
    return answers


def answer_of(row: Sequence[str]) -> Answer:
    """The answer that a row's texts say."""
    if len(row) != len(COLUMNS):
        raise BookError(f"it has {len(row)} columns, not {len(COLUMNS)}")
    values = []
    for name, text in zip(COLUMNS, row):
        if KINDS[name] is int and not WHOLE.fullmatch(text):
            raise BookError(f"{name} {text!r} is no whole number")
        try:
            values.append(KINDS[name](text))
        except ValueError:
            raise BookError(f"{name} {text!r} is no number") from None
    return Answer(*values)


def read_folder(folder: str | Path, study: str | None = None) -> list[Answer]:
    """All answers in the CSV files of a folder, of one study and no participant twice.

    study : its name; that of the first file where not given. Raises BookError, which names the
        file, where one does not fit, and where there is none.
    """
    answers, refused = sound_files(folder, study)
    if refused:
        raise BookError(refused[0])
    return answers


def sound_files(folder: str | Path, study: str | None = None) -> tuple[list[Answer], list[str]]:
    """The answers of :func:`read_folder`, and a line for each file that does not fit.

    Such a file is left out and the others count. BookError where none is left.
    """
    if not Path(folder).is_dir():
        raise BookError(f"{folder} is not a folder: put the class's CSV files into one")
    owners: dict[tuple[str, int], Path] = {}
    answers, refused = [], []
    for path in sorted(Path(folder).glob("*.csv")):
        try:
            found = read_answers(path)
            first = found[0]
            study = study or first.study
            if first.study != study:
                raise BookError(f"{path} is of study {first.study!r}, not {study!r}; leave it out")
            if (known := owners.setdefault((first.who, first.participant), path)) != path:
                raise BookError(f"{known.name} and {path.name} are both of {first.who} "
                                f"{first.participant}; leave one out")
        except BookError as error:
            refused.append(str(error))
        else:
            answers += found
    if not answers:
        raise BookError(refused[0] if refused else f"{folder} holds no CSV files")
    return answers, refused


# ---------------------------------------------------------------------------------- the rates


def rates(answers: Iterable[Answer]) -> dict[tuple[str, str, str], Estimate]:
    """Confusion rate for each (who, test, condition), with a binomial interval.

    The rate is the share of trials, in [0, 1], in which the generated picture was taken for the
    real one: a half is what guessing gives. Wilson's score interval (1927) takes all trials as
    independent; `n` is their number. With several answers of one participant see :func:`pooled`.
    """
    from scipy.stats import binomtest

    found = {}
    for key, group in grouped(answers).items():
        test = binomtest(sum(one.confused for one in group), len(group))
        ends = test.proportion_ci(method="wilson")
        found[key] = Estimate(test.statistic, ends.low, ends.high, len(group), "")
    return found


def pooled(answers: Iterable[Answer]) -> dict[tuple[str, str, str], Estimate]:
    """Mean confusion rate of participants for each (who, test, condition), bootstrapped over them.

    People differ, and the answers of one hang together; what is drawn again is therefore whole
    participants. `n` is how many there are. The interval is too narrow where they are few, and of
    no width where there is one or where all have the same rate.
    """
    return {key: mean_estimate(torch.tensor([float(one.confused) for one in group]),
                               units=torch.tensor([one.participant for one in group]))
            for key, group in grouped(answers).items()}


def grouped(answers: Iterable[Answer]) -> dict[tuple[str, str, str], list[Answer]]:
    """Answers by who gave them, test and condition; BookError where there are none."""
    groups: dict[tuple[str, str, str], list[Answer]] = {}
    for one in answers:
        groups.setdefault((one.who, one.test, one.condition), []).append(one)
    if not groups:
        raise BookError("there are no answers to count")
    return dict(sorted(groups.items()))
