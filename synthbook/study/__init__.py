"""Real or generated? A study with people: pictures, trials, answers, and machines that answer too.

A participant sees a real and a generated picture side by side for a short time and says which of
the two is real. `trials` holds the design, `answers` the files and the rates, `standins` answers
by machine, `pictures` makes pairs from a model's name. How people take part is in
:mod:`synthbook.figures.study`.
"""

from synthbook.study.answers import (
    Answer,
    pooled,
    rates,
    read_answers,
    read_folder,
    sound_files,
    write_answers,
)
from synthbook.study.pictures import of_layouts, of_levels
from synthbook.study.standins import answered, classifier, coin, nearest
from synthbook.study.trials import SIDES, TESTS, Study, Trial

__all__ = ["SIDES", "TESTS", "Answer", "Study", "Trial", "answered", "classifier", "coin",
           "nearest", "of_layouts", "of_levels", "pooled", "rates", "read_answers", "read_folder",
           "sound_files", "write_answers"]
