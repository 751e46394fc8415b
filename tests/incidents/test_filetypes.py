"""What is kept as a file, and what a copy for others no longer holds."""

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from schemas.attachments import EXTENSIONS
from services.incidents.filetypes import TextCheck, clean_name, judge, pixels, safe_name, sniff
from services.incidents.stripping import STRIPPABLE, copy_of, without_notes
from tests.incidents.papers import FILM, HEIC, PLACE, bomb, document, photo, picture


def test_what_a_duty_room_keeps_is_known_by_its_bytes() -> None:
    kept = {
        "image/jpeg": photo(),
        "image/png": picture("PNG"),
        "image/webp": picture("WEBP"),
        "image/heic": HEIC,
        "video/mp4": FILM,
        "application/pdf": document(),
        "text/plain": b"Pumpa gjekk varm kl. 14\n",
    }
    assert {sort: sniff(raw) for sort, raw in kept.items()} == {sort: sort for sort in kept}
    assert {*kept, "text/csv"} == set(EXTENSIONS)
    assert judge(b"navn;antall\n", "text/csv", "liste.csv") is None


@pytest.mark.parametrize(
    "raw",
    [
        b"PK\x03\x04 an archive, or an office file",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old office file with macros",
        b"  <!doctype html><script>alert(1)</script>",
        b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?>",
        b"#!/bin/sh\nrm -rf /",
        b"{\\rtf1 a rich text}",
        b"%!PS-Adobe",
        b"MZ\x90\x00 a program",
        b"\x1f\x8b\x08 a packed file",
        b"\x00\x00\x00\x18ftypqt  ",
        b"",
    ],
)
def test_archives_pages_scripts_and_programs_are_refused_whatever_they_are_called(raw: bytes) -> None:
    for claimed, endings in EXTENSIONS.items():
        refused = judge(raw, claimed, f"kart.{endings[0]}")
        assert refused is not None
        assert refused.code == "FILE_TYPE_REFUSED"


def test_a_file_that_lies_about_its_type_is_told_what_it_is() -> None:
    by_header = judge(photo(), "application/pdf", "kart")
    by_name = judge(photo(), "image/jpeg", "kart.pdf")
    assert by_header is not None
    assert by_name is not None
    assert (by_header.code, by_header.parameters) == (
        "FILE_TYPE_WRONG",
        {"claimed": "application/pdf", "found": "image/jpeg"},
    )
    assert (by_name.code, by_name.parameters) == (
        "FILE_TYPE_WRONG",
        {"claimed": ".pdf", "found": "image/jpeg"},
    )


def test_a_picture_that_unfolds_into_too_much_is_refused_unopened() -> None:
    refused = judge(bomb(), "image/png", "kart.png")
    assert refused is not None
    assert refused.code == "FILE_TOO_DENSE"
    assert [pixels(photo(), "image/jpeg"), pixels(picture("WEBP"), "image/webp")] == [320 * 240, 64 * 48]


@given(st.binary(max_size=200), st.text(max_size=80))
def test_no_bytes_and_no_name_bring_the_judge_to_a_fall(raw: bytes, name: str) -> None:
    for sort in EXTENSIONS:
        judge(raw, sort, name)
        for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"RIFF1234WEBPVP8X"):
            pixels(start + raw, sort)


@given(st.text(max_size=300))
def test_a_name_to_save_under_has_no_folder_no_bidi_and_the_ending_of_its_type(name: str) -> None:
    safe = safe_name(name, "image/jpeg")
    assert safe.endswith((".jpg", ".jpeg", ".jpe"))
    assert not set('/\\\r\n\0"\u202e\u2066\u200f') & set(safe)
    assert len(safe) <= 130


def test_a_name_that_is_turned_round_shows_what_it_is() -> None:
    assert safe_name("regning\u202egpj.exe", "application/pdf") == "regninggpj.exe.pdf"
    assert clean_name("../../etc/passwd") == "passwd"
    assert safe_name("Brudd på Møhlenpris.JPG", "image/jpeg") == "Brudd på Møhlenpris.jpg"


def test_text_is_text_to_its_end_in_either_alphabet() -> None:
    def told(*parts: bytes) -> bool:
        check = TextCheck()
        for number, part in enumerate(parts, start=1):
            check.feed(part, last=number == len(parts))
        return check.is_text

    whole = "Blåbærsyltetøy".encode()
    assert told(whole[:3], whole[3:])
    assert told("Blåbærsyltetøy".encode("cp1252"))
    assert not told(b"Pumpe", b"\x00PK\x03\x04")
    assert not told(whole, b"\xc3\x81\xff\x8d")


def test_a_picture_for_others_has_neither_position_nor_remarks_and_stands_upright() -> None:
    assert PLACE.encode() in photo()
    copy = copy_of(photo(), "image/jpeg")
    assert PLACE.encode() not in copy
    with Image.open(io.BytesIO(copy)) as shown:
        assert not dict(shown.getexif())
        assert shown.size == (240, 320), "turned as the camera was held"
    for sort in ("PNG", "WEBP"):
        assert PLACE.encode() in picture(sort)
        assert PLACE.encode() not in copy_of(picture(sort), f"image/{sort.lower()}")


def test_a_pdf_for_others_has_its_pages_and_nothing_of_who_wrote_it() -> None:
    raw = document()
    assert PLACE in str(PdfReader(io.BytesIO(raw)).metadata)
    copy = copy_of(raw, "application/pdf")
    found = PdfReader(io.BytesIO(copy))
    assert len(found.pages) == 1
    for word in (PLACE.encode(), PLACE.encode("utf-16-be"), b"JavaScript", b"EmbeddedFile", b"/Author"):
        assert word not in copy
    remark = found.pages[0]["/Annots"][0].get_object()  # type: ignore[index]
    assert "/T" not in remark
    assert remark["/Contents"] == "Se her"


def test_a_photograph_without_its_notes_is_the_same_picture() -> None:
    raw = photo()
    clean = without_notes(raw)
    assert PLACE.encode() not in clean
    with Image.open(io.BytesIO(raw)) as before, Image.open(io.BytesIO(clean)) as after:
        assert before.tobytes() == after.tobytes()
    assert without_notes(b"no picture") == b"no picture"


def test_a_bomb_ends_its_own_process_and_makes_no_copy() -> None:
    child = [sys.executable, "-m", "services.incidents.stripping", "image/png"]
    done = subprocess.run(child, input=bomb(), capture_output=True, check=False, timeout=30)
    assert done.returncode != 0
    assert done.stdout == b""
    assert "video/mp4" not in STRIPPABLE
