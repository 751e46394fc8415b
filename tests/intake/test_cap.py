"""CAP messages become one warning each, and what is unsafe or unclear is refused with a code."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake import cap
from services.intake.warning import MAX_BYTES, OfficialWarning, ParseRefused

SAMPLES = Path(__file__).parent / "samples"
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "samples"
NEIGHBOURS = ("4601", "4623", "4624", "4626", "4627", "4628", "4630", "4631")


def sample(name: str) -> bytes:
    return (SAMPLES / f"wind_{name}.cap").read_bytes()


def only(raw: bytes) -> OfficialWarning:
    (warning,) = cap.parse(raw)
    return warning


def refusal(raw: bytes) -> ParseRefused:
    with pytest.raises(ParseRefused) as caught:
        cap.parse(raw)
    return caught.value


def changed(field: str, value: str, name: str = "alert") -> bytes:
    """The sample with another text in the first such field."""
    text = sample(name).decode()
    return re.sub(rf"(?s)<{field}>.*?</{field}>", f"<{field}>{value}</{field}>", text, count=1).encode()


def test_two_language_blocks_are_one_warning() -> None:
    warning = only(sample("alert"))
    assert (warning.source, warning.kind, warning.status) == ("met", "alert", "exercise")
    assert (warning.event, warning.event_code, warning.awareness) == ("wind", "OET-221", 3)
    assert (warning.severity, warning.urgency, warning.certainty) == ("Severe", "Future", "Likely")
    assert [text.language for text in warning.texts] == ["no", "en-GB"]
    assert warning.texts[0].headline == "Øvelse: Kraftige vindkast, oransje nivå, kysten av Vestland"
    assert warning.texts[0].description == (
        "Øvelse. Fra fredag morgen ventes det vindkast på 35–40 m/s fra sørvest."
    )
    assert warning.texts[1].consequence == "Bridges may close."
    assert warning.texts[1].web == "https://www.example.org/ovelse/vind"
    assert len(warning.polygons) == 1
    assert not warning.quiet


def test_the_end_of_the_weather_is_not_the_end_of_the_message() -> None:
    warning = only(changed("expires", "2027-01-15T10:00:00+01:00"))
    assert warning.event_ends == datetime(2027, 1, 15, 12, tzinfo=UTC)
    assert warning.onset == datetime(2027, 1, 15, 5, tzinfo=UTC)
    assert warning.sent is not None
    assert warning.sent.utcoffset() == timedelta()


def test_a_county_stands_for_its_municipalities_where_none_is_named() -> None:
    warning = only(sample("alert"))
    assert len(warning.municipalities) == 43
    assert warning.counties == ("46",)


def test_named_municipalities_hold_before_the_county() -> None:
    assert only(sample("update")).municipalities == NEIGHBOURS


@pytest.mark.parametrize(
    "value", ["NO:municipalities:4601;4627", "municipality:4601; 4627", "municipality:4627;4601;"]
)
def test_municipalities_may_stand_in_the_administrative_id(value: str) -> None:
    raw = sample("alert").replace(b"county:46", value.encode())
    assert only(raw).municipalities == ("4601", "4627")


@pytest.mark.parametrize("value", ["NO:county:46", "ISO-3166-2:NO-46", "county:11; county:46"])
def test_a_county_is_read_in_every_form_met_has_used(value: str) -> None:
    assert "46" in only(sample("alert").replace(b"county:46", value.encode())).counties


def test_an_update_names_all_that_it_replaces_oldest_first() -> None:
    alert, update, extended = only(sample("alert")), only(sample("update")), only(sample("extended"))
    assert update.replaces == (alert.key,)
    assert extended.replaces == (alert.key, update.key)
    assert {alert.thread, update.thread, extended.thread} == {alert.key}


def test_an_all_clear_ends_its_thread_and_is_told() -> None:
    warning = only(sample("all_clear"))
    assert warning.kind == "all_clear"
    assert warning.ends
    assert not warning.quiet
    assert warning.response == "AllClear"


def test_a_block_without_all_clear_keeps_the_warning() -> None:
    raw = sample("all_clear").replace(b">AllClear<", b">Monitor<", 1)
    assert only(raw).kind == "update"


def test_a_cancel_needs_no_text_but_must_say_what_it_takes_back() -> None:
    warning = only(sample("cancel"))
    assert warning.kind == "cancel"
    assert warning.ends
    assert warning.replaces == (only(sample("alert")).key,)
    assert refusal(changed("references", "", "cancel")).parameters == {"field": "references"}


def test_a_green_message_that_ends_nothing_is_quiet() -> None:
    raw = sample("all_clear").replace(b">AllClear<", b">Monitor<")
    assert only(raw).quiet


def test_blocks_that_differ_give_the_gravest_and_the_longest() -> None:
    raw = sample("alert").replace(b"3; orange; Severe", b"2; yellow; Moderate", 1)
    raw = raw.replace(b"<expires>2027-01-15T12:00:00+00:00", b"<expires>2027-01-15T20:00:00+00:00", 1)
    assert only(raw).awareness == 3
    assert only(raw).expires == datetime(2027, 1, 15, 20, tzinfo=UTC)


def test_z_is_read_as_utc_but_a_time_without_offset_is_refused() -> None:
    assert only(changed("sent", "2027-01-14T09:05:00Z")).sent == datetime(2027, 1, 14, 9, 5, tzinfo=UTC)
    for field in ("sent", "onset", "expires"):
        refused = refusal(changed(field, "2027-01-14T09:05:00"))
        assert (refused.code, refused.parameters) == ("BAD_TIME", {"field": field})


@pytest.mark.parametrize(
    "text", ["2027-13-01T00:00:00+00:00", "2027-01-01", "i morgen", "0001-01-01T00:00:00Z"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    assert refusal(changed("sent", text)).code == "BAD_TIME"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("scope", "Private", "NOT_PUBLIC"),
        ("status", "Draft", "BAD_VALUE"),
        ("msgType", "Ack", "BAD_VALUE"),
        ("severity", "Dreadful", "BAD_VALUE"),
        ("responseType", "Panic", "BAD_VALUE"),
        ("identifier", "two words", "BAD_VALUE"),
        ("identifier", "", "FIELD_MISSING"),
        ("polygon", "sixty,five", "BAD_VALUE"),
        ("language", "no; drop", "TEXT_REFUSED"),
        ("headline", "x" * 301, "TEXT_REFUSED"),
    ],
)
def test_what_the_standard_forbids_is_refused(field: str, value: str, code: str) -> None:
    assert refusal(changed(field, value)).code == code


def test_a_municipality_that_is_no_number_is_refused() -> None:
    raw = sample("update").replace(b"4627;", b"Bergen;")
    assert refusal(raw).parameters == {"field": "MunicipalityId"}


def test_a_field_that_stands_twice_is_refused() -> None:
    raw = sample("alert").replace(b"<scope>", b"<status>Actual</status><scope>")
    assert refusal(raw).code == "FIELD_REPEATED"


def test_a_message_that_replaces_itself_is_refused() -> None:
    own = only(sample("alert")).key.encode()
    raw = sample("update").replace(only(sample("update")).key.encode(), own)
    assert refusal(raw).parameters == {"field": "references"}


LAUGHS = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "NOT_XML"),
        (b"<alert", "NOT_XML"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "NOT_XML"),
        (b"<alert/>", "NOT_CAP"),
        (b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.1"/>', "NOT_CAP"),
        (LAUGHS, "DTD_FORBIDDEN"),
        (OUTSIDE, "DTD_FORBIDDEN"),
        (b"<!DOCTYPE a><a/>", "DTD_FORBIDDEN"),
        (b"<a>" * 17 + b"</a>" * 17, "TOO_DEEP"),
        (b"<a>" * 20_000, "TOO_DEEP"),
        (b"<a>" + b"<b/>" * 50_001 + b"</a>", "TOO_MANY_ELEMENTS"),
        (b"<a>" + b" " * MAX_BYTES + b"</a>", "TOO_LARGE"),
    ],
)
def test_unsafe_xml_is_refused(raw: bytes, code: str) -> None:
    assert refusal(raw).code == code


def test_a_refusal_holds_none_of_the_text() -> None:
    refused = refusal(changed("severity", "KANARI"))
    assert "KANARI" not in repr(refused) + repr(refused.parameters)


def test_the_same_message_has_the_same_fingerprint_and_a_changed_one_another() -> None:
    assert only(sample("alert")).fingerprint == only(sample("alert")).fingerprint
    assert only(sample("alert")).fingerprint != only(changed("severity", "Extreme")).fingerprint


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_give_warnings_or_a_refusal(raw: bytes) -> None:
    with suppress(ParseRefused):
        cap.parse(raw)


@settings(deadline=None)
@given(st.data())
def test_a_damaged_message_gives_a_warning_or_a_refusal(data: st.DataObject) -> None:
    raw = bytearray(sample(data.draw(st.sampled_from(["alert", "update", "all_clear", "cancel"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place : place + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=8))
    with suppress(ParseRefused):
        cap.parse(bytes(raw))


recorded = pytest.mark.skipif(not RECORDED.exists(), reason="the recorded messages are not here")


@recorded
def test_recorded_messages_of_others_are_read() -> None:
    storm = only((RECORDED / "oasis_example_thunderstorm.cap").read_bytes())
    assert (storm.kind, storm.awareness, storm.municipalities) == ("alert", 3, ())
    clear = only((RECORDED / "cap_canada_update_allclear_bilingual.cap").read_bytes())
    assert clear.kind == "all_clear"
    assert [text.language for text in clear.texts] == ["en-CA", "fr-CA"]
    assert len(clear.replaces) == 2
