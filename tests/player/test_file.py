"""An exercise file is taken as a whole, or refused with line and reason before anything starts."""

from pathlib import Path

import pytest

from schemas.centre_text import CentreRefused, Problem
from schemas.exercise_file import load
from tests.system_hub import EXAMPLE

SOUND = f"""
[exercise]
code = "prove"
title = "En liten øvelse"
centre = "{EXAMPLE}"
starts = 2027-01-14T08:00:00+01:00
ends = 2027-01-14T20:00:00+01:00

[[events]]
no = "01"
at = 2027-01-14T08:00:00+01:00
title = "Et rør ryker"
sender = "4601.vaktsentral"
incident = "A"
delivered = ["4627"]
[events.open]
type = "water.leak"
priority = "critical"
level = "named"
named = ["4627"]
notify = ["4627.vakt"]
municipalities = ["4601"]
content = {{ headline = "Vannlekkasje i Åsane" }}
[[events.answers]]
watch = "4627.vakt"
by = "backup"
[[events.escalates]]
watch = "4627.vakt"
to = ["backup"]

[[events]]
no = "02"
at = 2027-01-14T09:00:00+01:00
title = "Det skrives i loggen"
sender = "4601.vaktsentral"
incident = "A"
[events.entry]
label = "notat"
content = {{ text = "Kartet over kummen ligger i skuffen" }}

[[events]]
no = "03"
at = 2027-01-14T10:00:00+01:00
title = "Det rettes"
sender = "4601.vaktsentral"
incident = "A"
[events.correct]
entry = "notat"

[[events]]
no = "04"
at = 2027-01-14T11:00:00+01:00
title = "En rapport"
needs = "situation reports"

[[markers]]
id = "K01"
event = "02"
text = "Kartet over kummen"
stays_in = ["4601"]
"""


def problems(tmp_path: Path, text: str) -> list[Problem]:
    path = tmp_path / "exercise.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CentreRefused) as refused:
        load(path)
    return list(refused.value.problems)


def line_of(text: str, wanted: str, after: str = "") -> int:
    start = text.index(after) if after else 0
    return text[: text.index(wanted, start)].count("\n") + 1


def test_a_sound_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "exercise.toml"
    path.write_text(SOUND, encoding="utf-8")
    plan = load(path)
    assert [event.no for event in plan.exercise.events] == ["01", "02", "03", "04"]
    assert plan.exercise.events[0].notified == ["4627.vakt"]


@pytest.mark.parametrize(
    ("old", "new", "code", "after"),
    [
        ('sender = "4601.vaktsentral"', 'sender = "4601.vaktsentralen"', "UNKNOWN_WATCH", ""),
        ('sender = "4601.vaktsentral"', "", "SENDER_MISSING", ""),
        ('incident = "A"\n[events.entry]', 'incident = "B"\n[events.entry]', "NOT_OPENED", ""),
        ('incident = "A"\n[events.entry]', "[events.entry]", "LETTER_MISSING", ""),
        ('no = "02"', 'no = "01"', "STANDS_TWICE", 'no = "02"'),
        ("2027-01-14T09:00:00", "2027-01-14T07:00:00", "TIME_GOES_BACK", ""),
        ("2027-01-14T11:00:00", "2027-01-15T11:00:00", "AFTER_THE_END", ""),
        ('title = "Det rettes"', 'title = "Det rettes"\nperson = "ukjent"', "UNKNOWN_PERSON", ""),
        ('level = "named"', 'level = "everybody"', "FIELD_BAD", ""),
        ('type = "water.leak"', 'type = "vann lekkasje"', "FIELD_BAD", ""),
        ('priority = "critical"', 'prioritet = "critical"', "FIELD_UNKNOWN", ""),
        ('notify = ["4627.vakt"]', 'notify = ["4627.natt"]', "UNKNOWN_WATCH", ""),
        ('delivered = ["4627"]', 'delivered = ["4699"]', "UNKNOWN_ORGANISATION", ""),
        ('municipalities = ["4601"]', 'municipalities = ["1201"]', "UNKNOWN_MUNICIPALITY", ""),
        ('entry = "notat"', 'entry = "brev"', "UNKNOWN_LABEL", ""),
        ('watch = "4627.vakt"\nby', 'watch = "4626.vakt"\nby', "NOT_TOLD", ""),
        ('needs = "situation reports"', "", "NOTHING_TO_DO", ""),
        (
            '[events.correct]\nentry = "notat"',
            '[events.correct]\nentry = "notat"\n[events.close]',
            "SEVERAL_ACTS",
            "",
        ),
        ('event = "02"', 'event = "05"', "UNKNOWN_EVENT", ""),
        ('text = "Kartet over kummen"', 'text = "Et annet kart"', "NOT_PLANTED", ""),
    ],
)
def test_a_wrong_reference_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, code: str, after: str
) -> None:
    assert old in SOUND
    place = SOUND.index(old, SOUND.index(after) if after else 0)
    text = SOUND[:place] + new + SOUND[place + len(old) :]
    found = [one for one in problems(tmp_path, text) if one.code == code]
    first, last = text[:place].count("\n") + 1, text[: place + len(new)].count("\n") + 1
    assert found, problems(tmp_path, text)
    assert found[0].line is not None
    assert first - 8 <= found[0].line <= last, (found[0], first)
    assert found[0].reason


def test_a_line_is_that_of_the_field_itself(tmp_path: Path) -> None:
    text = SOUND.replace('notify = ["4627.vakt"]', 'notify = ["4627.natt"]')
    found = next(one for one in problems(tmp_path, text) if one.where == "events[0].open.notify")
    assert found.line == line_of(text, "notify = ")


def test_a_centre_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    text = SOUND.replace(str(EXAMPLE), "borte.toml")
    assert [(one.code, one.line) for one in problems(tmp_path, text)] == [
        ("NO_FILE", line_of(text, "centre = "))
    ]


def test_an_official_message_must_be_there(tmp_path: Path) -> None:
    text = SOUND.replace(
        'needs = "situation reports"', 'sender = "4601.samvirke"\n[events.intake]\nfile = "a.cap"'
    )
    assert [one.code for one in problems(tmp_path, text)] == ["NO_FILE"]
