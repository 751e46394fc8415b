"""The style sheets and scripts of the pages, read once; an address names its content, for caches to keep."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_IMPORT = re.compile(rb'@import url\("([\w./-]+)"\)(?: layer\(([\w.]+)\))?;')
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class File:
    """One file, also compressed, and what tells it from another version of itself."""

    kind: str
    whole: bytes
    small: bytes
    tag: str


async def serve(request: Request, name: str) -> Response:
    """A file of the pages; what is not in the folder is not there."""
    found = every().get(name)
    if found is None:
        return Response(status_code=404)
    headers = {"Cache-Control": _FOR_EVER if request.url.query else "no-cache", "ETag": f'"{found.tag}"'}
    headers["Vary"] = "Accept-Encoding"
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.small, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.kind)
    return Response(found.whole, headers=headers, media_type=found.kind)


def address(name: str) -> str:
    """Where a page finds a file."""
    return f"/static/{name}?{every()[name].tag}"


@cache
def every() -> dict[str, File]:
    """Every file by its path in the folder."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in KINDS:
            whole = _IMPORT.sub(partial(_imported, path.parent), path.read_bytes())
            tag = hashlib.sha256(whole).hexdigest()[:16]
            found[path.relative_to(FOLDER).as_posix()] = File(
                KINDS[path.suffix], whole, gzip.compress(whole, 6, mtime=0), tag
            )
    return found


def _imported(folder: Path, found: re.Match[bytes]) -> bytes:
    """The style sheet that another one names, in its layer: a page waits for one file and not for a chain."""
    whole, layer = (folder / found[1].decode()).read_bytes(), found[2]
    return whole if layer is None else b"@layer %s{%s}" % (layer, whole)
