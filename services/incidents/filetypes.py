"""What a file is, by its bytes: an allow-list, since names and headers say whatever their sender likes. Pure.

What is not known for certain is not taken: archives, HTML, SVG, scripts and office files with macros have no
row here. Sources of the signatures: RFC 2083 (PNG), ITU-T T.81 (JPEG), RFC 9649 (WebP), ISO/IEC 14496-12
(MP4, HEIF), ISO 32000-1 (PDF).
"""

import codecs
import re
import struct
import unicodedata
from collections.abc import Mapping

from schemas.attachments import EXTENSIONS
from schemas.envelope import Refused

HEAD_BYTES = 64 * 1024
"""How much of a file's beginning decides what it is."""
PIXELS_MOST = 50_000_000
NAME_MOST = 120

_ENDINGS: Mapping[str, tuple[str, ...]] = {str(sort): endings for sort, endings in EXTENSIONS.items()}
_TEXTS = ("text/plain", "text/csv")
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"))
_MP4 = frozenset((b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"))
_MARKUP = re.compile(rb"\s*(?:<|#!|%!|\{\\rtf|@echo\b)", re.IGNORECASE)
_FORBIDDEN = frozenset(range(32)) - {9, 10, 12, 13} | {127}
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def sniff(head: bytes) -> str | None:
    """The media type of a file that begins so; ``text/plain`` for what may be text; None for all else."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if head[4:8] == b"ftyp":
        return _of_box(head[8:12])
    is_text = not _FORBIDDEN.intersection(head) and not _MARKUP.match(head.removeprefix(codecs.BOM_UTF8))
    return "text/plain" if is_text and head else None


def _of_box(brand: bytes) -> str | None:
    if brand in _HEIC:
        return "image/heic"
    return "video/mp4" if brand in _MP4 else None


def judge(head: bytes, claimed: str, name: str) -> Refused | None:
    """The reason why a file that begins so must not be kept as what it is called, or None."""
    found = sniff(head)
    if found is None:
        return Refused(code="FILE_TYPE_REFUSED")
    if found != claimed and not (found in _TEXTS and claimed in _TEXTS):
        return Refused(code="FILE_TYPE_WRONG", parameters={"claimed": claimed, "found": found})
    ending = extension(name)
    if ending and ending not in _ENDINGS.get(claimed, ()):
        return Refused(code="FILE_TYPE_WRONG", parameters={"claimed": f".{ending}"[:20], "found": found})
    if pixels(head, found) > PIXELS_MOST:
        return Refused(code="FILE_TOO_DENSE", parameters={"limit": PIXELS_MOST})
    return None


def extension(name: str) -> str:
    """What stands after the last dot of a name, in small letters; empty if it has none."""
    return clean_name(name).rpartition(".")[2].lower().strip() if "." in clean_name(name) else ""


def clean_name(name: str) -> str:
    """A name without what turns it round or hides in it: no folders, no control or bidi characters."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = (c for c in last if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    return re.sub(r'[<>:"|?*;%]', "_", "".join(kept)).strip(" .")


def safe_name(name: str, media_type: str) -> str:
    """A name to save a file under: clean, of bounded length, with an ending that fits its type."""
    clean, endings = clean_name(name), _ENDINGS.get(media_type, ("bin",))
    stem, dot, ending = clean.rpartition(".")
    if not dot or ending.lower() not in endings:
        stem, ending = clean, endings[0]
    return f"{stem[:NAME_MOST] or 'file'}.{ending.lower()}"


def pixels(head: bytes, media_type: str) -> int:
    """How many pixels an image says it has; 0 where its beginning does not tell."""
    try:
        width, height = _SIZES[media_type](head)
    except (KeyError, struct.error, IndexError):
        return 0
    return width * height


def _png(head: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _jpeg(head: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header."""
    at = 2
    while head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _SIZE_MARKERS:
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + int(struct.unpack(">H", head[at + 2 : at + 4])[0])
    return 0, 0


def _webp(head: bytes) -> tuple[int, int]:
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", head[26:30])
    return width & 0x3FFF, height & 0x3FFF


_SIZES = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}


class TextCheck:
    """Goes through a text part by part: is it text to its end, in UTF-8 or in the old Western code page?"""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self._is_plain = True
        self._is_western = True

    def feed(self, part: bytes, *, last: bool = False) -> None:
        """Take in the next part."""
        self._is_plain = self._is_plain and not _FORBIDDEN.intersection(part)
        self._is_western = self._is_western and not {0x81, 0x8D, 0x8F, 0x90, 0x9D}.intersection(part)
        if self._is_utf8:
            try:
                self._utf8.decode(part, last)
            except UnicodeDecodeError:
                self._is_utf8 = False

    @property
    def is_text(self) -> bool:
        """True if all that came is text."""
        return self._is_plain and (self._is_utf8 or self._is_western)
