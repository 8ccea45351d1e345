"""What is said of a recorded training: one run of a time machine, that works or that fails."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attempt:
    """One column of a training time machine; papers add what their run differs in.

    Parameters
    ----------
    name    : of its files and in the command.
    title   : over its pictures.
    changed : what differs from the column that works.
    notice  : how to recognise it.
    """

    name: str
    title: str
    changed: str
    notice: str
