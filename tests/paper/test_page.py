"""A paper needs nothing but itself, and shows what was written as it was written."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.directory import Directory
from services.incidents import words
from services.incidents.open_list import Entry, OpenIncident, ToDo, as_printed
from services.incidents.view import Shown
from services.runtime.paper.page import Head, Pages, clock, css_string
from services.words.languages import speaking

ROOT = Path(__file__).parents[2] / "services"
NOW = datetime(2026, 11, 23, 18, 4, tzinfo=UTC)
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}",
    '"; } @import url(https://example.org/x); a { content: "',
    "\\22 ; } body { display: none } /*",
    "\u202eesrever\u202c",
]


def printed(text: str, mode: str = "actual", until: datetime | None = NOW + timedelta(minutes=5)) -> str:
    """A paper of one incident in which every text is this one."""
    pages = Pages(ROOT / "incidents" / "templates", words.PRINTED)
    entries = [Entry(NOW, "decision", text, struck=False), Entry(NOW, "status", None, struck=False)]
    told = [{"watch": text, "outcome": "nobody_reached"}]
    one = OpenIncident(
        "7K3Q9XT", "VAKT-2026-0001", "critical", "new", text, text, NOW, text, text, text, told, entries, 2,
        title={"nb": text}, to_do=[ToDo(text, text, NOW), ToDo(None, "")],
    )  # fmt: skip
    head = Head("Åpne hendelser", text, mode, NOW, until)
    return pages.render("incidents", head, incidents=[one], is_cut=True)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_was_written_becomes_markup_or_style(payload: str) -> None:
    page = printed(payload)
    assert page.count("<style>") == page.count("</style>") == 1
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in page.partition("<body>")[2].replace("VAKT-2026-0001", "")
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"@import|url\(|<", style)


def test_it_fetches_nothing_from_anywhere() -> None:
    page = printed("Ras")
    assert not re.search(r"(src|href|action)=|https?://|url\(", page)
    assert "default-src 'none'" in page


def test_it_says_when_it_was_made_until_when_it_holds_and_which_page_it_is() -> None:
    page = printed("Ras")
    assert page.count("Laget man. 23.11. kl. 19.04") == len(("head", "foot"))
    assert "Gjelder til man. 23.11. kl. 19.09" in page
    assert "counter(page)" in page
    assert "counter(pages)" in page
    assert "Gjelder til det er brukt" in printed("Ras", until=None)


@pytest.mark.parametrize(
    ("lang", "said"),
    [("nn", "Laga mån. 23.11. kl. 19.04"), ("en", "Made Mon 23.11. at 19.04"), ("se", "Laget man. 23.11.")],
)
def test_it_speaks_the_language_of_the_organisation_and_bokmal_otherwise(lang: str, said: str) -> None:
    with speaking(lang):
        page = printed("Ras")
    assert said in page
    assert f'<html lang="{lang if lang != "se" else "nb"}">' in page


def test_an_exercise_cannot_be_taken_for_real() -> None:
    assert "ØVELSE" not in printed("Ras")
    exercise = printed("Ras", mode="exercise")
    assert "ØVELSE – ØVELSE – ØVELSE" in exercise
    assert '@top-center { content: "ØVELSE"' in exercise


def test_what_is_erased_or_left_out_is_said() -> None:
    page = printed("Ras")
    assert "(slettet)" in page
    assert "2 eldre loggføringer er ikke med." in page
    assert "INGEN NÅDD – ring" in page


@given(st.text(max_size=40))
def test_no_text_leaves_the_string_of_a_style_sheet_that_it_stands_in(text: str) -> None:
    written = css_string(text)
    assert not set(written) & set('"<>\n\r\f')
    assert re.sub(r"\\([0-9a-f]+) ", lambda one: chr(int(one[1], 16)), written) == text


def test_times_are_norways_and_a_missing_one_is_a_dash() -> None:
    assert clock(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "tor. 02.07. kl. 00.30"
    assert clock(None) == "–"


def test_what_is_still_to_be_done_stands_on_the_paper() -> None:
    with speaking("nn"):
        page = printed("Set ut naudvatn")
    assert "Skal gjerast:" in page
    assert page.count("☐ <span") == len(("task", "erased"))


def test_an_open_task_and_an_unanswered_request_are_still_to_be_done_and_a_closed_one_is_not() -> None:
    at = NOW.isoformat()
    common: dict[str, Any] = {"occurred_at": at, "kind": "task", "erased": False, "corrected_by": None}
    entries = [common | {"id": id, "content": {"text": id}} for id in ("open", "closed", "asked")]
    head: dict[str, Any] = {
        "ref": "7K3Q9XT",
        "number": None,
        "priority": "high",
        "state": "new",
        "type": "fire",
    }
    head |= {"owner": "4601.vakt", "occurred_at": at, "content": None, "erased": False, "type_title": None}
    task: dict[str, Any] = {"assignee": "4601.ikt", "due": at, "done_by": None}
    asked = [{"watch": "4624.vakt", "answer": None}, {"watch": "4628.vakt", "answer": "decline"}]
    shown = Shown(
        head,
        entries,
        tasks=[task | {"entry": "open"}, task | {"entry": "closed", "done_by": "x"}],
        requests=[{"entry": "asked", "asked": asked}],
    )
    (one,) = as_printed([shown], Directory())
    assert one.to_do == [ToDo("open", "4601.ikt", NOW), ToDo("asked", "4624.vakt")]
