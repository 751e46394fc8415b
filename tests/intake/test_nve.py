"""NVE's many records become one warning for each danger, event and day."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import nve
from services.intake.warning import MAX_BYTES, OfficialWarning, ParseRefused

SAMPLES = Path(__file__).parent / "samples"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "samples" / "nve_flood_vestland_20251215.json"
YELLOW = (SAMPLES / "landslide_yellow.json").read_bytes()
ORANGE = (SAMPLES / "landslide_orange.json").read_bytes()


def only(raw: bytes) -> OfficialWarning:
    (warning,) = nve.parse(raw)
    return warning


def refusal(raw: bytes) -> ParseRefused:
    with pytest.raises(ParseRefused) as caught:
        nve.parse(raw)
    return caught.value


def changed(**fields: Any) -> bytes:
    """The first record of the yellow sample with other fields, alone."""
    return json.dumps([json.loads(YELLOW)[0] | fields]).encode()


def test_records_of_one_event_and_day_are_one_warning() -> None:
    warning = only(YELLOW)
    assert (warning.key, warning.revision, warning.kind) == ("nve:landslide:990001:2027-01-15", 1, "alert")
    assert (warning.status, warning.awareness, warning.severity) == ("exercise", 2, "Moderate")
    assert warning.municipalities == ("1134", "4601", "4623", "4624", "4628", "4630", "4631")
    assert warning.counties == ("11", "46")
    assert len(warning.texts) == 1
    assert warning.texts[0].language == "nb"
    assert warning.texts[0].instruction == "Hold deg unna bratte skråninger og bekker."


def test_green_days_and_municipalities_give_nothing() -> None:
    greens = [record for record in json.loads(YELLOW) if record["EventId"] == "xxx"]
    assert nve.parse(json.dumps(greens).encode()) == []
    assert nve.parse(b"[]") == []


def test_an_event_that_falls_back_to_green_is_quiet() -> None:
    warning = only(changed(ActivityLevel="1", Version=3))
    assert warning.quiet
    assert (warning.kind, warning.awareness, warning.revision) == ("update", 1, 3)


def test_times_without_zone_are_norwegian_and_marked() -> None:
    warning = only(YELLOW)
    assert warning.assumed_zone
    assert warning.onset == datetime(2027, 1, 15, 6, tzinfo=UTC)
    assert warning.onset.utcoffset() is not None
    assert warning.sent is not None
    assert warning.sent.microsecond == 123456


def test_times_with_offset_are_kept_and_not_marked() -> None:
    times = {"ValidFrom": "2027-01-15T07:00:00+01:00", "ValidTo": "2027-01-16T06:59:00-01:00"}
    warning = only(changed(PublishTime="2027-01-14T09:05:00Z", **times))
    assert not warning.assumed_zone


def test_the_hour_that_comes_twice_makes_the_warning_longer() -> None:
    warning = only(changed(ValidFrom="2027-10-31T02:30:00", ValidTo="2027-10-31T02:40:00"))
    assert warning.onset == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert warning.expires == datetime(2027, 10, 31, 1, 40, tzinfo=UTC)


def test_a_higher_version_of_the_same_day_is_a_revision() -> None:
    before, after = only(YELLOW), only(ORANGE)
    assert after.key == before.key
    assert after.thread == before.thread == "nve:landslide:990001"
    assert (before.revision, after.revision, after.kind) == (1, 2, "update")


def test_a_level_raised_in_some_municipalities_leaves_the_others_where_they_were() -> None:
    warning = only(ORANGE)
    assert warning.awareness == 3
    raised = [number for number in warning.municipalities if warning.level_in(number) == 3]
    assert raised == ["4601", "4623", "4628", "4630"]
    assert warning.level_in("4624") == 2
    assert [text.headline for text in warning.texts] == [
        "Øvelse: Varsel om jordskredfare, oransje nivå for indre deler",
        "Øvelse: Varsel om jordskredfare, gult nivå for deler av Vestland",
    ]


def test_the_same_file_again_has_the_same_fingerprint_in_any_order() -> None:
    turned = json.dumps(json.loads(YELLOW)[::-1]).encode()
    assert only(turned).fingerprint == only(YELLOW).fingerprint
    assert only(ORANGE).fingerprint != only(YELLOW).fingerprint


def test_two_languages_are_one_warning_with_two_texts() -> None:
    records = json.loads(YELLOW)[:1]
    english = records[0] | {"LangKey": 2, "DangerTypeName": "Landslide", "MainText": "Exercise: Landslide"}
    warning = only(json.dumps([*records, english]).encode())
    assert [text.language for text in warning.texts] == ["nb", "en"]


def test_a_record_that_names_no_municipality_holds_for_its_county() -> None:
    assert len(only(changed(MunicipalityCsvString=None, MunicipalityList=None)).municipalities) == 43


def test_actual_and_exercise_never_come_in_one_file() -> None:
    records = json.loads(YELLOW)
    records[-1]["CapStatus"] = "actual"
    assert refusal(json.dumps(records).encode()).code == "MODES_MIXED"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Version": "tre"}, "WRONG_SHAPE"),
        ({"ActivityLevel": "5"}, "WRONG_SHAPE"),
        ({"EventId": "../../etc"}, "WRONG_SHAPE"),
        ({"MunicipalityCsvString": "Bergen;Askøy"}, "WRONG_SHAPE"),
        ({"MunicipalityList": "4601"}, "WRONG_SHAPE"),
        ({"ValidFrom": "i morgen"}, "BAD_TIME"),
        ({"MainText": "x" * 301}, "TEXT_REFUSED"),
        ({"MainText": "\u0000"}, "TEXT_REFUSED"),
    ],
)
def test_records_of_another_shape_are_refused(fields: dict[str, Any], code: str) -> None:
    assert refusal(changed(**fields)).code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "NOT_JSON"),
        (b"\xff\xfe\x00", "NOT_JSON"),
        (b"{}", "WRONG_SHAPE"),
        (b'[{"EventId":"1","EventId":"2"}]', "DUPLICATE_KEY"),
        (b"[" * 100_000, "TOO_DEEP"),
        (b"[" + b"9" * 5_000 + b"]", "NOT_JSON"),
        (b" " * (MAX_BYTES + 1), "TOO_LARGE"),
    ],
)
def test_unsafe_json_is_refused(raw: bytes, code: str) -> None:
    assert refusal(raw).code == code


def test_half_a_character_is_refused() -> None:
    assert refusal(changed(MainText="KANARI").replace(b"KANARI", rb"\ud800")).code == "TEXT_REFUSED"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_warnings_or_a_refusal(raw: bytes) -> None:
    with suppress(ParseRefused):
        nve.parse(raw)


words = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    words, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=5
)


@settings(deadline=None)
@given(st.sampled_from(sorted(json.loads(YELLOW)[0])), values)
def test_any_value_in_any_field_gives_warnings_or_a_refusal(field: str, value: Any) -> None:
    with suppress(ParseRefused):
        nve.parse(changed(**{field: value}))


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded messages are not here")
def test_the_recorded_129_records_are_one_event_on_two_days() -> None:
    warnings = nve.parse(RECORDED.read_bytes())
    assert [(warning.key, warning.revision) for warning in warnings] == [
        ("nve:flood:148481:2025-12-15", 3),
        ("nve:flood:148481:2025-12-16", 2),
    ]
    for warning in warnings:
        assert len(warning.municipalities) == len(set(warning.municipalities)) == 42
        assert sum(number.startswith("46") for number in warning.municipalities) == 25
        assert (warning.awareness, warning.quiet, warning.assumed_zone) == (2, False, True)
    assert nve.parse(RECORDED.read_bytes()) == warnings
