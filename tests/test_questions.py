"""The questions of the built pages: every choice is answered, by keyboard alone."""

import re

import pytest
from built_site import browser, http_base, reader, readers, site  # noqa: F401

from synthbook.checks import CHAPTERS, exercises

pytestmark = pytest.mark.site


@pytest.mark.parametrize("slug", CHAPTERS)
def test_every_question_answers_every_choice(reader, slug):  # noqa: F811
    tab, visit = reader.open(f"chapters/{slug}.html")
    known = [one.words.question for one in exercises(slug).values()]
    said = {}
    for form in tab.locator("form.question").all():
        asked = form.locator("legend").inner_text()
        form.get_by_role("button").click()
        assert form.get_by_role("status").inner_text() == "Choose an answer first."
        for option in form.get_by_role("radio").all():
            option.focus()
            tab.keyboard.press("Space")
            assert form.get_by_role("status").inner_text() == ""
            tab.keyboard.press("Enter")
            verdict, _, reason = form.get_by_role("status").inner_text().partition(". ")
            said.setdefault(asked, []).append((verdict, reason))
    tab.close()
    plain = lambda text: re.sub("[`*]", "", text)
    assert said == {plain(question.text): [("Right" if choice.right else "Not quite",
                                            plain(choice.says)) for choice in question.choices]
                    for question in known}
    assert visit.troubles == []


@pytest.mark.parametrize("slug", CHAPTERS)
def test_the_page_offers_the_notebook_of_its_exercises(readers, slug):  # noqa: F811
    tab, _ = readers["http"].open(f"chapters/{slug}.html")
    link = tab.locator("a[download]", has_text=f"exercises/{slug}.ipynb")
    with tab.expect_download() as download:
        link.click()
    text = download.value.path().read_text(encoding="utf-8")
    tab.close()
    assert "raise NotImplementedError" in text and "SOLUTION" not in text
