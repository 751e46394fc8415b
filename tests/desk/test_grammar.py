"""The command line: what is typed, understood and asked back. Runs the pages' own script in Node."""

import subprocess
from typing import Any

import orjson
import pytest

from schemas.incident_types import TypeSet
from services.desk import files, lexicon

ROWS = {"413": ("VQMYCKT", "VAKT-2026-0413"), "VQMYCKT": ("VQMYCKT", "VAKT-2026-0413")}
RUN = """
import { readFileSync } from 'node:fs';
const { parse } = await import('%s');
const { words, rows, lines } = JSON.parse(readFileSync(0));
const row = said => rows[said.toUpperCase()];
const find = said => row(said) ? { name: row(said)[0], label: row(said)[1] } : null;
console.log(JSON.stringify(lines.map(line => parse(line, words, find))));
"""
pytestmark = pytest.mark.needs("node")

UNDERSTOOD: list[tuple[str, str, str | None, dict[str, str]]] = [
    (
        "ny p2 vann Åsane senter: lekkasje, gate stengt",
        "new",
        None,
        {
            "priority": "high",
            "type": "water.leak",
            "place": "Åsane senter",
            "headline": "lekkasje, gate stengt",
        },
    ),
    (
        "ny p1 brann: røyk i Strandgaten",
        "new",
        None,
        {"priority": "critical", "headline": "røyk i Strandgaten"},
    ),
    ("ny kloakk i Damsgårdsveien", "new", None, {"type": "sewer", "headline": "i Damsgårdsveien"}),
    ("NY P3 noe rart", "new", None, {"priority": "normal", "type": "other", "headline": "noe rart"}),
    ("new high fire Bryggen: smoke", "new", None, {"priority": "high", "type": "fire", "place": "Bryggen"}),
    (
        "ny p2 flaum 60:40 i elva: stig",
        "new",
        None,
        {"type": "flood", "headline": "stig", "place": "60:40 i elva"},
    ),
    ("kvitt 413", "ack", "VQMYCKT", {}),
    ("kv 413", "ack", "VQMYCKT", {}),
    ("ack vqmyckt", "ack", "VQMYCKT", {}),
    ("kvitt 2TNXR5Y", "ack", "2TNXR5Y", {}),
    ("logg 413 Rørlegger er på vei", "log", "VQMYCKT", {"text": "Rørlegger er på vei"}),
    ("logg 413: to  ord", "log", "VQMYCKT", {"text": "to ord"}),
    ("status 413 pågår", "state", "VQMYCKT", {"state": "in_progress"}),
    ("st 413 tild", "state", "VQMYCKT", {"state": "assigned"}),
    ("status 413 avsluttet tett igjen", "state", "VQMYCKT", {"state": "closed", "text": "tett igjen"}),
    ("lukk 413: tett igjen", "state", "VQMYCKT", {"state": "closed", "text": "tett igjen"}),
    ("vakt", "duty", None, {}),
    ("overta duty", "take", None, {"post": "duty"}),
    ("finn lekkasje", "find", None, {"words": "lekkasje"}),
    ("413", "open", "VQMYCKT", {}),
    ("VQMYCKT", "open", "VQMYCKT", {}),
    ("2tnxr5y", "open", "2TNXR5Y", {}),
]
NOT_UNDERSTOOD = [
    ("ny", "no_text"),
    ("ny p2 vann Åsane:", "no_text"),
    ("kvitt", "no_ref"),
    ("kvitt 999", "no_ref"),
    ("logg 413", "no_text"),
    ("status 413", "no_state"),
    ("status 413 rart", "no_state"),
    ("l 413", "ambiguous"),
    ("xyz 413", "unknown_verb"),
    ("<script>alert(1)</script>", "unknown_verb"),
    ("tildel 413 vva", "not_yet"),
    ("sitrep 413", "not_yet"),
]


def parsed(*lines: str) -> list[dict[str, Any] | None]:
    """What the script makes of each line."""
    script = RUN % (files.FOLDER / "grammar.js").as_uri()
    given = orjson.dumps({"words": lexicon.for_scripts(), "rows": ROWS, "lines": lines})
    arguments = ["node", "--no-warnings", "--input-type=module", "-e", script]
    answer = subprocess.run(arguments, input=given, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr.decode()
    found: list[dict[str, Any] | None] = orjson.loads(answer.stdout)
    return found


def test_every_line_is_understood_as_it_is_meant() -> None:
    for (line, act, name, fields), found in zip(
        UNDERSTOOD, parsed(*(one[0] for one in UNDERSTOOD)), strict=True
    ):
        assert found is not None, line
        assert found.get("act") == act, (line, found)
        assert found.get("name") == name, (line, found)
        assert fields.items() <= found["fields"].items(), (line, found)
        assert found["echo"], line


def test_what_is_not_understood_says_why() -> None:
    say = lexicon.for_scripts()["say"]
    for (line, why), found in zip(NOT_UNDERSTOOD, parsed(*(one[0] for one in NOT_UNDERSTOOD)), strict=True):
        assert found is not None, line
        assert say[why] in found["error"], (line, found)


def test_nothing_typed_is_nothing() -> None:
    assert parsed("", "   ") == [None, None]


def test_a_long_headline_is_kept_whole_as_text() -> None:
    (found,) = parsed("ny p2 " + "æ" * 400)
    assert found is not None
    assert (len(found["fields"]["headline"]), len(found["fields"]["text"])) == (300, 400)


def test_no_two_codes_of_a_table_share_an_alias() -> None:
    for table in (lexicon.VERBS, lexicon.PRIORITIES, lexicon.STATES, lexicon.TYPES):
        aliases = [alias for known in table.values() for alias in known]
        assert len(aliases) == len(set(aliases))


def test_the_scripts_by_hand_are_few_lines_besides_blanks_and_comments() -> None:
    lines = [
        line.strip() for path in files.FOLDER.glob("*.js") for line in path.read_text("utf-8").split("\n")
    ]
    assert len([line for line in lines if line and not line.startswith("//")]) <= 460


def test_a_type_is_called_as_the_register_says_and_by_its_former_aliases_too() -> None:
    register = {
        code: TypeSet.model_validate({"type": code, "version": 1, "title": title, **more})
        for code, title, more in (
            ("landslide", {"nb": "jordskred"}, {"priority": "critical"}),
            ("quay", {"nb": "Kaibrudd", "en": "quay damage"}, {}),
            ("child", {"nb": "skjult"}, {"used_by": ["4601.barnevern"]}),
        )
    }
    types = lexicon.types_for(register, "4601.vaktsentral")
    assert types["landslide"] == ("ras", "skred", "slide", "landslide", "jordskred")
    assert types["quay"] == ("kaibrudd",)
    assert set(types) == {"landslide", "quay", "other"}
    found = lexicon.for_scripts(register, "4601.vaktsentral")
    assert (found["words"]["landslide"], found["defaults"]) == ("jordskred", {"landslide": "critical"})
    assert "child" not in orjson.dumps(found).decode()
    assert lexicon.types_for({}, "4601.vaktsentral") == lexicon.TYPES
