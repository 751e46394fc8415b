"""Attached files in an export: each under its entry's id, so that no name leads out of the folder."""

import base64
from pathlib import Path
from typing import Any

from services.cli.export.asking import Ask
from services.runtime.edge import AskRefused

FILES = "files"
_AT_ONCE = 4


class Attached:
    """Fetches files into the folder of an export, some parts at a time."""

    def __init__(self, ask: Ask, folder: Path, reason: str | None) -> None:
        self._ask = ask
        self._folder = folder
        self._reason = reason

    async def write(self, id: str) -> str | None:
        """Fetch the file of an entry; where it lies, None if it is not given out now."""
        try:
            found = await self._part(id, 0)
        except AskRefused:
            return None
        place = self._folder / FILES / f"{id}{Path(found['name']).suffix}"
        place.parent.mkdir(mode=0o700, exist_ok=True)
        sent = 0
        with place.open("wb") as file:
            while True:
                file.writelines(base64.b64decode(data) for data in found["data"])
                sent += len(found["data"])
                if sent >= found["chunks"]:
                    return place.relative_to(self._folder).as_posix()
                found = await self._part(id, sent)

    async def _part(self, id: str, first: int) -> dict[str, Any]:
        return await self._ask("file", file=id, first=first, most=_AT_ONCE, reason=self._reason)
