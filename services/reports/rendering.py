"""Makes paper and text of a report, each in a process of its own that ends with it.

Nothing heavy is loaded in a worker, and a slow PDF delays no call. What people wrote goes in as values: HTML
escapes it, Typst gets it as data, and in Markdown each sign that could be markup is written with a backslash.
"""

import asyncio
import base64
import os
import sys
from typing import Any, Literal

import orjson

from services.runtime import logs
from services.runtime.reading import Refusal

Format = Literal["html", "md", "pdf"]
MEDIA = {"html": "text/html; charset=utf-8", "md": "text/markdown; charset=utf-8", "pdf": "application/pdf"}
TIMEOUT_S = 30.0
NO_EXTRA = 3
"""Exit code of the process when the extra is missing that it needs."""
_MOST_BYTES = 700_000
"""An answer over NATS holds no more, written in Base64."""


class Printer:
    """Runs one process at a time."""

    def __init__(self) -> None:
        self._one = asyncio.Semaphore(1)

    async def make(self, format: Format, language: str, printed: dict[str, Any]) -> dict[str, Any]:
        """Media type, file name and Base64 of the result. Raises Refusal: NO_PDF, TOO_LARGE, INTERNAL."""
        async with self._one:
            code, made = await _run(format, language, orjson.dumps(printed))
        if code == NO_EXTRA:
            raise Refusal("NO_PDF")
        if code != 0:
            logs.get(code=code, format=format).error("reports.not_printed")
            raise Refusal("NOT_PRINTED")
        if len(made) > _MOST_BYTES:
            raise Refusal("TOO_LARGE", limit=_MOST_BYTES)
        report = printed["report"]
        name = f"rapport-{report['watch']}-{report['version']}.{format}"
        return {"media": MEDIA[format], "name": name, "body": base64.b64encode(made).decode()}


async def _run(format: str, language: str, raw: bytes) -> tuple[int, bytes]:
    """Exit code and output; the process gets nothing of this one's surroundings but where Python is."""
    kept = ("PATH", "LANG", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT", "HOME")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.reports.printing",
        format,
        language,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in kept if name in os.environ},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            made, _ = await process.communicate(raw)
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1, b""
    return process.returncode or 0, made
