"""A copy of a file without place, author and other hidden data, made in a process that can do no harm.

Run as ``python -m services.incidents.stripping TYPE``: the file comes in at its input, the copy goes out. The
process opens no file for writing, and has its bounds of memory and time: a file that unfolds into more than
it seems ends it, and no copy is made. Images are drawn anew; of a PDF only its pages are taken over, so
that scripts, forms, embedded files and former versions stay behind.
"""

import asyncio
import contextlib
import io
import resource
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from services.incidents.filetypes import PIXELS_MOST

STRIPPABLE = frozenset(("image/jpeg", "image/png", "image/webp", "application/pdf", "text/plain", "text/csv"))
"""Of other files no copy is made: nobody but their own watch gets them."""

MEMORY_BYTES = 768 * 1024 * 1024
CPU_S = 30
PATIENCE_S = 60.0
_PIECE = 128 * 1024
_OF_PAGES = ("/Metadata", "/PieceInfo", "/AA", "/LastModified")


class NotStripped(Exception):
    """No copy could be made: the file is broken, locked, or unfolds into too much."""


async def stripped(parts: AsyncIterator[bytes], media_type: str) -> AsyncGenerator[bytes]:
    """The copy of a file that comes in parts, in pieces of at most 128 KiB. Raises NotStripped."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, media_type),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            await feed(child, parts)
            assert child.stdout is not None  # noqa: S101  it was asked for
            while piece := await _piece(child.stdout):
                yield piece
            if await child.wait() != 0:
                raise NotStripped(media_type)
    except TimeoutError:
        raise NotStripped(media_type) from None
    finally:
        await end(child)


async def end(child: asyncio.subprocess.Process) -> None:
    """End a process, if it still runs, and let go of its pipes."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
    if child.stdin is not None:
        child.stdin.close()
    await child.communicate()


async def feed(child: asyncio.subprocess.Process, parts: AsyncIterator[bytes]) -> None:
    """Hand a file to a process; one that does not want all of it is not an error."""
    assert child.stdin is not None  # noqa: S101  it was asked for
    try:
        async for part in parts:
            child.stdin.write(part)
            await child.stdin.drain()
        child.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return


async def _piece(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readexactly(_PIECE)
    except asyncio.IncompleteReadError as rest:
        return rest.partial


def copy_of(raw: bytes, media_type: str) -> bytes:
    """The copy of one file. Raises whatever the libraries do for a file that they cannot read."""
    if media_type.startswith("image/"):
        return _image(raw, media_type)
    return _pdf(raw) if media_type == "application/pdf" else raw


def _image(raw: bytes, media_type: str) -> bytes:
    """Drawn anew, turned as it was to be seen; all that is not a picture stays behind."""
    import warnings

    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = PIXELS_MOST
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    sort = media_type.removeprefix("image/").upper()
    out = io.BytesIO()
    with Image.open(io.BytesIO(raw), formats=[sort]) as found:
        image: Any = ImageOps.exif_transpose(found)
        if sort == "JPEG" and image.mode not in ("L", "RGB", "CMYK"):
            image = image.convert("RGB")
        image.info.clear()
        image.save(out, sort, **({"quality": 90} if sort != "PNG" else {}))
    return out.getvalue()


def _pdf(raw: bytes) -> bytes:
    """Its pages only, without who wrote them; photographs in them lose what the camera noted."""
    from pypdf import PdfReader, PdfWriter

    reader = PdfReader(io.BytesIO(raw), strict=False)
    if reader.is_encrypted:
        raise NotStripped("locked")
    writer = PdfWriter()
    for page in reader.pages:
        writer.add_page(page)
    for page in writer.pages:
        for remark in page.get("/Annots", None) or ():
            _clean_remark(remark.get_object())
    for held in writer._objects:
        _clean_object(held)
    writer.metadata = None
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _clean_remark(remark: Any) -> None:
    """A remark on a page says who made it and when, may hold a file, and may do something when touched."""
    for key in ("/A", "/AA", "/FS", "/CreationDate", "/M", "/RC", "/Parent", "/Popup"):
        remark.pop(key, None)
    if remark.get("/Subtype") != "/Widget":
        remark.pop("/T", None)


def _clean_object(held: Any) -> None:
    if not hasattr(held, "pop") or not hasattr(held, "get"):
        return
    for key in _OF_PAGES:
        held.pop(key, None)
    filters = held.get("/Filter")
    is_jpeg = filters == "/DCTDecode" or (isinstance(filters, list) and list(filters) == ["/DCTDecode"])
    if is_jpeg and hasattr(held, "_data"):
        held._data = without_notes(held._data)


def without_notes(jpeg: bytes) -> bytes:
    """A JPEG without the segments in which cameras and programs write; the picture is not touched.

    Kept are those that say how to draw it: APP0 (JFIF) and APP14 (Adobe's colours).
    """
    if jpeg[:2] != b"\xff\xd8":
        return jpeg
    kept, at = [jpeg[:2]], 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        marker = jpeg[at + 1]
        if marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(jpeg[at:end])
        at = end
    return b"".join(kept) + jpeg[at:]


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    made = copy_of(sys.stdin.buffer.read(), sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    _main()
