"""The question what notifications has of an exercise."""

from collections.abc import Mapping
from typing import Any

from schemas.subjects import Address
from services.notifications import forgetting
from services.notifications.commits import Store
from services.notifications.picture import Picture
from services.runtime.shares import asked_share


class ShareQueries:
    """The handler of ``exercise``."""

    def __init__(self, rows: Store, pictures: Mapping[str, Picture]) -> None:
        self._rows = rows
        self._pictures = pictures

    async def exercise(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """How many chains and messages there are of it. Raises Refusal."""
        picture = self._pictures.get(address.mode)
        share = asked_share(body, address, picture.directory if picture else None)
        chains, messages = await self._rows.run(forgetting.count(address.mode, share))
        return {"status": "ok", "there": {"chains": chains, "messages": messages}}
