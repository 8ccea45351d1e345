"""Tables and numbers as chapters show them."""

import re

import pytest

from synthbook.reading import interval, table


def test_columns_of_words_are_flush_left_and_columns_of_numbers_are_not():
    shown = table(["", "claim", "dB"], [["B1", "more rows fit", 1.5], ["B2", "5 rows", "-2"]]).data
    assert re.findall(r"<t[hd][^>]*>(?:claim|more rows fit|5 rows)", shown) == [
        '<th scope="col" class="words">claim', '<td class="words">more rows fit',
        '<td class="words">5 rows']
    assert '<th scope="col">dB' in shown and "<td>1.5" in shown and "<td>-2" in shown


def test_cells_are_text_never_markup():
    shown = table(["<b>"], [["<i>"]], caption="<script>").data
    assert not re.search("<(b|i|script)>", shown)
    assert all(f"&lt;{tag}&gt;" in shown for tag in ("b", "i", "script"))


def test_only_marked_rows_are_references():
    lines = table(["", "x"], [["a", 1], ["b", 2], ["c", 3]], marked=[1]).data.splitlines()
    assert ["oracle" in line for line in lines if "<td" in line] == [False, True, False]


def test_a_table_without_rows_keeps_its_head():
    assert table(["one", "two"], []).data.count("<th ") == 2


@pytest.mark.parametrize("digits, text", [(1, "0.5 [0.2, 0.8]"), (2, "0.50 [0.25, 0.75]")])
def test_an_interval_has_as_many_digits_as_asked(digits, text):
    shown = interval({"value": 0.5, "low": 0.25, "high": 0.75}, digits)
    assert shown.replace("\N{NO-BREAK SPACE}", " ") == text
