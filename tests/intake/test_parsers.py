"""Which parser reads a message is told by how it begins."""

from pathlib import Path

import pytest

from services.intake import cap, nve, parsers
from services.intake.warning import ParseRefused

SAMPLES = Path(__file__).parent / "samples"
WIND = (SAMPLES / "wind_alert.cap").read_bytes()
LANDSLIDE = (SAMPLES / "landslide_yellow.json").read_bytes()


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\t "])
def test_a_message_that_begins_as_json_is_nves(before: bytes) -> None:
    assert parsers.parse(before + LANDSLIDE) == nve.parse(LANDSLIDE)


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
def test_a_message_that_begins_as_xml_is_cap(before: bytes) -> None:
    assert parsers.parse(before + WIND) == cap.parse(WIND)


def test_cap_in_sixteen_bits_is_read_too() -> None:
    wide = WIND.decode().replace("UTF-8", "UTF-16").encode("utf-16")
    assert parsers.parse(wide) == cap.parse(WIND)


@pytest.mark.parametrize("raw", [b"", b"   ", b"%PDF-1.7", b"Varsel: sterk vind", b"\x00\x00"])
def test_what_begins_as_neither_is_refused(raw: bytes) -> None:
    with pytest.raises(ParseRefused) as caught:
        parsers.parse(raw)
    assert caught.value.code == "UNKNOWN_FORM"
