"""What leaves as HTML, Markdown or PDF: the words as they are, and never as markup."""

import io
import re
import subprocess
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reports import printing, rendering
from services.words.languages import speaking

HOSTILE = (
    '<script>alert(1)</script> <img src=x onerror=alert(2)> &lt; #eval("1") #read("/etc/passwd") $x^2$ '
    "*fet* _kursiv_ `kode` [lenke](javascript:alert(3)) www.ond.example a@b.example ~~x~~ | \\end{x} "
    "\u202egnirts"
)
LINES = (
    "# Overskrift",
    "- liste",
    "1. nummer",
    "> sitat",
    "=====",
    "    kode",
    "```",
    "---",
    "+ mer",
    HOSTILE,
)


def a_report(**more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": "status", "watch": "4601.vaktsentral"}
    entry["occurred_at"] = "2027-01-14T14:10:00+01:00"
    entry |= {"place": HOSTILE, "figures": {"evakuert": 7}, "basis": HOSTILE, "tags": ["person"]}
    entry |= {"headline": HOSTILE, "text": "\n".join(LINES), "erased": False, "corrected": None}
    field = {"code": "measures", "title": None, "text": "\n".join(LINES), "entries": [entry]}
    report = {
        "watch": "4601.kk",
        "title": "Til Statsforvalteren",
        "headline": HOSTILE,
        "state": "locked",
        "version": 1,
        "digest": "ab" * 32,
        "receivers": ["sf-vestland"],
        "approved": [{"person": "p1", "at": "2027-01-14T17:45:00+01:00"}],
        "locked_at": "2027-01-14T17:46:00+01:00",
        "erased": False,
        "tags": ["vuln"],
        "fields": [field, {"code": "needs", "title": HOSTILE, "text": "To pumper", "entries": []}],
    }
    printed: dict[str, Any] = {"names": {"p1": HOSTILE}, "mode": "exercise"}
    printed["titles"] = {"sf-vestland": HOSTILE, "4601.kk": HOSTILE}
    return printed | {"report": report | more, "made_at": "2027-01-14T17:50:00+01:00"}


def made(form: str, lang: str = "nb", **more: Any) -> str:
    with speaking(lang):
        shown = printing.prepared(a_report(**more)) | {"language": lang}
        return printing.FORMS[form](shown).decode()


def test_on_a_page_nothing_that_people_wrote_is_markup() -> None:
    html = made("html")
    body = re.sub(r"<style>.*?</style>", "", html, flags=re.S)
    assert set(re.findall(r"<(\w+)", body)) <= {
        *("html", "head", "meta", "title", "body", "header", "h1", "h2", "p", "dl", "dt", "dd", "bdi"),
        *("main", "div", "footer"),
    }
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "\u202e" not in html
    assert re.findall(r"<[^>]*\son\w+=", body) == []


def test_in_markdown_each_line_that_people_wrote_is_plain_text() -> None:
    for line in made("md").splitlines():
        bare = re.sub(r"\\[!-/:-@\[-`{-~]", "x", line.strip().removesuffix("\\"))
        begun = re.sub(r"^(#{1,2} |- |\*\*(?=.*\*\*$))", "", bare).removesuffix("**")
        assert not re.search(r"[<>`*_\[\]|~#$@]|://|www\.", begun), line
        assert not re.match(r"\d+[.)]\s|[+=-]", begun), line


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60))
def test_markdown_says_what_was_written_once_its_backslashes_are_read(text: str) -> None:
    written = printing.escaped(text)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", written) == " ".join(text.split())
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>`*_\[\]~#$@|]", written)


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("nb", ("Versjon 1, godkjent og låst", "Godkjent", "14.01.2027 kl. 17.46")),
        ("nn", ("Versjon 1, godkjend og låst", "Frå", "ØVING")),
        ("en", ("Version 1, approved and locked", "Measures", "EXERCISE")),
    ],
)
def test_a_report_is_printed_in_the_language_that_is_asked_for(lang: str, words: tuple[str, ...]) -> None:
    for form in ("html", "md"):
        text = made(form, lang)
        assert all(word in text for word in words), form


def test_a_draft_says_that_it_is_not_approved() -> None:
    for form in ("md", "html"):
        text = made(form, state="submitted", approved=[], locked_at=None)
        assert "UTKAST – ikke godkjent" in text
    assert "UTKAST" not in made("md")


def test_a_recalled_version_says_above_all_that_it_does_not_hold_and_why() -> None:
    recalled = {"recalled_at": "2027-01-14T19:00:00+01:00", "recall_ground": "wrong_content"}
    for form in ("md", "html"):
        text = made(form, state="recalled", **recalled)
        assert "KALT TILBAKE – gjelder ikke" in text
        assert "noe i den er feil" in text
        assert "14.01.2027 kl. 19.00" in text


def test_a_paper_says_what_is_not_for_all_in_it_and_the_figures_of_its_entries() -> None:
    text = made("html")
    assert "Skjermet innhold" in text
    assert "sårbarhet" in text
    assert "person" in text
    assert "evakuert: 7" in text


def test_an_entry_that_was_struck_since_is_struck_on_paper_too() -> None:
    report = a_report()
    report["report"]["fields"][0]["entries"][0]["corrected"] = "strike"
    with speaking("nb"):
        html = printing.as_html(printing.prepared(report) | {"language": "nb"}).decode()
    assert html.count('class="said struck"') == len(LINES) + 4
    assert 'class="said struck"' not in made("html")


def test_an_entry_of_another_watch_says_whose_it_is_and_the_senders_own_does_not() -> None:
    own = made("html", watch="4601.vaktsentral")
    assert "14.01.2027 kl. 14.10 · status · 4601.vaktsentral" in made("html")
    assert "14.01.2027 kl. 14.10 · status</bdi>" in own


@pytest.mark.needs("typst")
def test_a_pdf_is_made_of_the_words_as_text() -> None:
    with speaking("nb"):
        pdf = printing.as_pdf(printing.prepared(a_report()) | {"language": "nb"})
    assert pdf.startswith(b"%PDF-")
    assert printing.is_for_archives(pdf)
    assert b"/etc/passwd:" not in pdf
    assert b"/URI" not in pdf


@pytest.mark.needs("typst")
def test_a_sign_that_no_font_has_keeps_nobody_from_getting_a_pdf() -> None:
    with speaking("nb"):
        report = a_report(headline="Ras \U0001f6a8 \ue000 \U000e0041 \u0378")
        assert printing.as_pdf(printing.prepared(report) | {"language": "nb"}).startswith(b"%PDF-")


def test_without_the_extra_there_is_no_pdf_and_the_process_says_so() -> None:
    command = "import sys; sys.modules['typst'] = None; from services.reports.printing import main; "
    command += "sys.exit(main('pdf', 'nb'))"
    raw = orjson.dumps(a_report())
    done = subprocess.run([sys.executable, "-c", command], input=raw, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (rendering.NO_EXTRA, b"")


def test_the_process_writes_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = io.BytesIO()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(orjson.dumps(a_report()))))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(taken))
    assert printing.main("md", "nn") == 0
    assert "Versjon 1, godkjend og låst" in taken.getvalue().decode()
