"""MET's GeoJSON gives the same warning as its CAP message; what cannot be read is refused with a code."""

import copy
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import cap, geojson, parsers
from services.intake.warning import MAX_BYTES, OfficialWarning, ParseRefused

SAMPLES = Path(__file__).parent / "samples"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "samples" / "met_metalerts_gale_20240502.geojson"
WIND = (SAMPLES / "wind_alert.geojson").read_bytes()
OTHER = "2.49.0.1.578.0.20270114100000.902"


def only(raw: bytes) -> OfficialWarning:
    (warning,) = geojson.parse(raw)
    return warning


def refusal(raw: bytes) -> ParseRefused:
    with pytest.raises(ParseRefused) as caught:
        geojson.parse(raw)
    return caught.value


def changed(**properties: Any) -> bytes:
    """The sample with other properties; None takes one away."""
    found = json.loads(WIND)
    said = found["features"][0]["properties"] | properties
    found["features"][0]["properties"] = {name: value for name, value in said.items() if value is not None}
    return json.dumps(found).encode()


def shaped(geometry: Any) -> bytes:
    found = json.loads(WIND)
    found["features"][0]["geometry"] = geometry
    return json.dumps(found).encode()


def test_the_same_identifier_is_the_same_warning_as_in_cap() -> None:
    (full,) = cap.parse((SAMPLES / "wind_alert.cap").read_bytes())
    brief = only(WIND)
    for name in ("source", "key", "thread", "kind", "status", "event", "severity", "certainty", "awareness"):
        assert getattr(brief, name) == getattr(full, name), name
    for name in ("onset", "expires", "event_ends", "municipalities", "counties", "quiet"):
        assert getattr(brief, name) == getattr(full, name), name
    assert brief.texts == full.texts[:1]
    assert (brief.brief, full.brief) == (True, False)
    assert brief.sent is None


def test_a_polygon_is_written_as_cap_writes_it() -> None:
    assert only(WIND).polygons == ("59.6,4.6 59.6,6.1 61.9,6.1 61.9,4.6 59.6,4.6",)
    ring = [[-0.5, 60, 12.5], [1e-7, 61.25, 0], [-0.5, 60, 3]]
    several = {"type": "MultiPolygon", "coordinates": [[ring, ring], [ring[::-1]]]}
    assert only(shaped(several)).polygons == ("60,-0.5 61.25,0 60,-0.5",)


def test_municipality_numbers_go_before_counties() -> None:
    assert only(changed(municipality=["4601", 4627])).municipalities == ("4601", "4627")
    assert only(changed(municipality=None, MunicipalityId="4631;4601")).municipalities == ("4601", "4631")
    assert len(only(WIND).municipalities) == 43
    assert only(changed(county=["46"], municipality=["5001"])).municipalities == ("5001",)


def test_a_polygon_at_sea_alone_addresses_no_municipality() -> None:
    warning = only(changed(county=[], municipality=None))
    assert (warning.municipalities, warning.counties) == ((), ())
    assert warning.polygons


def test_features_of_one_identifier_are_one_warning() -> None:
    found = json.loads(WIND)
    second = copy.deepcopy(found["features"][0])
    second["properties"] |= {"municipality": ["1134"], "awareness_level": "4; red; Extreme", "area": "Sauda"}
    second["when"] = {"interval": ["2027-01-15T04:00:00+00:00", "2027-01-16T12:00:00+00:00"]}
    second["geometry"]["coordinates"][0][0] = [5.0, 59.0]
    found["features"] += [second, second]
    warning = only(json.dumps(found).encode())
    assert (warning.awareness, warning.municipalities) == (4, ("1134",))
    assert warning.onset == datetime(2027, 1, 15, 4, tzinfo=UTC)
    assert warning.expires == datetime(2027, 1, 16, 12, tzinfo=UTC)
    assert [text.area for text in warning.texts] == ["Kysten av Vestland", "Sauda"]
    assert len(warning.polygons) == 2


def test_the_same_answer_in_another_order_gives_the_same_facts() -> None:
    found = json.loads(WIND)
    second = copy.deepcopy(found["features"][0])
    second["properties"]["id"] = OTHER
    found["features"].append(second)
    one = {item.key: item.fingerprint for item in geojson.parse(json.dumps(found).encode())}
    found["features"].reverse()
    found["lastChange"] = "2027-01-14T12:00:00+00:00"
    assert {item.key: item.fingerprint for item in geojson.parse(json.dumps(found).encode())} == one


def test_an_update_names_its_predecessors_where_it_says_them() -> None:
    old = f"meteorologi@met.no,{OTHER},2027-01-14T08:00:00+00:00"
    warning = only(changed(type="Update", references=old))
    assert (warning.kind, warning.replaces, warning.thread) == ("update", (OTHER,), OTHER)
    assert only(changed(type="Update")).replaces == ()


def test_an_update_at_green_level_says_that_the_danger_is_over() -> None:
    over = only(changed(type="Update", severity="Minor", awareness_level="1; green; Minor"))
    assert (over.kind, over.quiet, over.ends) == ("all_clear", False, True)
    green = only(changed(type="Alert", severity="Minor", awareness_level="1; green; Minor"))
    assert (green.kind, green.quiet) == ("alert", True)


def test_a_cancel_is_taken_in_also_when_it_does_not_say_of_what() -> None:
    assert only(changed(type="Cancel")).kind == "cancel"


def test_without_a_level_the_severity_decides_and_without_both_it_is_yellow() -> None:
    assert only(changed(awareness_level=None, severity="Extreme")).awareness == 4
    assert only(changed(awareness_level=None, severity=None)).awareness == 2


def test_no_warnings_now_is_a_good_answer() -> None:
    assert geojson.parse(b'{"type": "FeatureCollection", "features": []}') == []


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"{", "NOT_JSON"),
        (b'{"type": NaN}', "NOT_JSON"),
        (b'{"type": "FeatureCollection", "type": "x", "features": []}', "DUPLICATE_KEY"),
        (b'{"type": "Topology", "objects": {}}', "WRONG_SHAPE"),
        (b'{"type": "FeatureCollection"}', "WRONG_SHAPE"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "TOO_DEEP"),
        (b" " * (MAX_BYTES + 1), "TOO_LARGE"),
        (changed(id=None), "WRONG_SHAPE"),
        (changed(id="two words"), "WRONG_SHAPE"),
        (changed(id="a" * 201), "WRONG_SHAPE"),
        (changed(type="Ack"), "WRONG_SHAPE"),
        (changed(status="Draft"), "WRONG_SHAPE"),
        (changed(awareness_level="9; purple; Severe"), "BAD_VALUE"),
        (changed(county=["Vestland"]), "BAD_VALUE"),
        (changed(municipality=["Bergen"]), "BAD_VALUE"),
        (changed(references="everything"), "BAD_VALUE"),
        (changed(eventEndingTime="tomorrow"), "BAD_TIME"),
        (changed(eventEndingTime="2027-01-15T12:00:00"), "BAD_TIME"),
        (changed(title="a\x00b"), "TEXT_REFUSED"),
        (shaped({"type": "Point", "coordinates": [5, 60]}), "WRONG_SHAPE"),
        (shaped({"type": "Polygon", "coordinates": [[[5, 60], [6, 60]]]}), "BAD_VALUE"),
        (shaped({"type": "Polygon", "coordinates": []}), "BAD_VALUE"),
        (shaped({"type": "Polygon", "coordinates": [[[5, 91], [6, 60], [5, 91]]]}), "BAD_VALUE"),
        (shaped({"type": "Polygon", "coordinates": [[[999.5, 60], [6, 60], [5, 61]]]}), "BAD_VALUE"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_code(raw: bytes, code: str) -> None:
    assert refusal(raw).code == code


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_a_property_holds_there_is_a_warning_or_a_code(data: st.DataObject) -> None:
    value = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
    names = st.sampled_from([*json.loads(WIND)["features"][0]["properties"], "references", "MunicipalityId"])
    found = json.loads(WIND)
    found["features"][0]["properties"][data.draw(names)] = data.draw(value)
    with suppress(ParseRefused):
        geojson.parse(json.dumps(found).encode("utf-8", "surrogatepass"))


def test_an_object_is_read_as_geojson() -> None:
    assert parsers.parse(b"\xef\xbb\xbf\n" + WIND) == geojson.parse(WIND)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded messages are not here")
def test_the_recorded_gale_is_read_as_it_was_sent() -> None:
    warning = only(RECORDED.read_bytes())
    assert warning.key == "2.49.0.1.578.0.20240502143145.095"
    assert (warning.kind, warning.status, warning.event, warning.awareness) == ("update", "actual", "gale", 2)
    assert (warning.severity, warning.certainty) == ("Moderate", "Likely")
    assert warning.municipalities == ()
    assert warning.event_ends == datetime(2024, 5, 3, 13, tzinfo=UTC)
    assert warning.texts[0].area == "Torungen - Oksøy"
    assert warning.polygons[0].startswith("58.4702,8.68 58.1732,8.1467 ")
