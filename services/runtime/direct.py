"""Reading messages straight from a stream, many in one request, without a consumer."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

TIMEOUT_S = 5.0
_BATCH = 1000


class StreamUnreachable(Exception):
    """The broker did not answer a direct read in time."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as it lies in a stream."""

    sequence: int
    subject: str
    data: bytes
    message_id: str | None = None


class Direct:
    """Direct reads over one connection; open it once, close it with the connection."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._prefix = nc.new_inbox()
        self._numbers = itertools.count()
        self._replies: dict[str, asyncio.Queue[Msg]] = {}

    async def open(self) -> None:
        """Subscribe to the answers."""
        await self._nc.subscribe(f"{self._prefix}.*", cb=self._on_reply)

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with that sequence, or None if there is none."""
        found, _ = await self._many(stream, {"seq": sequence}, single=True)
        return found[0] if found else None

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The newest message on a subject, or None; the broker judges the subject by itself."""
        found, _ = await self._many(f"{stream}.{subject}", None, single=True)
        return found[0] if found else None

    async def history(self, stream: str, subject: str, start: int = 1) -> list[Stored]:
        """Every message on a subject (wildcards allowed) from sequence ``start`` on, in order."""
        found: list[Stored] = []
        while True:
            page, pending = await self.page(stream, subject, start)
            found += page
            if not pending or not page:
                return found
            start = page[-1].sequence + 1

    async def page(
        self, stream: str, subject: str, start: int, most: int = _BATCH
    ) -> tuple[list[Stored], int]:
        """At most ``most`` messages on a subject from sequence ``start`` on, and how many are behind them."""
        return await self._many(stream, {"next_by_subj": subject, "seq": start, "batch": most})

    async def newest_of(self, stream: str, subjects: Sequence[str]) -> list[Stored]:
        """The newest message of each subject, in stream order; subjects without one are left out."""
        found: list[Stored] = []
        for page in _pages(subjects):
            found += await self._newest_of_page(stream, list(page))
        return found

    async def _newest_of_page(self, stream: str, wanted: list[str]) -> list[Stored]:
        """As ``newest_of``; asks again for what the broker left out because the answer grew too large."""
        found: list[Stored] = []
        while wanted:
            messages, pending = await self._many(stream, {"multi_last": wanted, "batch": len(wanted)})
            found += messages
            came = {message.subject for message in messages}
            rest = [subject for subject in wanted if subject not in came]
            if not pending or len(rest) == len(wanted):
                break
            wanted = rest
        return found

    async def _many(
        self, target: str, request: dict[str, Any] | None, *, single: bool = False
    ) -> tuple[list[Stored], int]:
        token = str(next(self._numbers))
        queue: asyncio.Queue[Msg] = asyncio.Queue()
        self._replies[token] = queue
        try:
            body = b"" if request is None else orjson.dumps(request)
            await self._nc.publish(f"$JS.API.DIRECT.GET.{target}", body, reply=f"{self._prefix}.{token}")
            return await self._collect(queue, single)
        except TimeoutError:
            raise StreamUnreachable(target) from None
        finally:
            del self._replies[token]

    async def _collect(self, queue: "asyncio.Queue[Msg]", single: bool) -> tuple[list[Stored], int]:
        found: list[Stored] = []
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                message = await queue.get()
                headers = message.headers or {}
                status = headers.get("Status")
                if status == "503":
                    raise StreamUnreachable("no responders")
                if status is not None:
                    return found, int(headers.get("Nats-Num-Pending", "0"))
                found.append(_stored(message, headers))
                if single:
                    return found, 0

    async def _on_reply(self, message: Msg) -> None:
        queue = self._replies.get(message.subject.rpartition(".")[2])
        if queue is not None:
            queue.put_nowait(message)


def _stored(message: Msg, headers: dict[str, str]) -> Stored:
    return Stored(
        int(headers["Nats-Sequence"]), headers["Nats-Subject"], message.data, headers.get("Nats-Msg-Id")
    )


def _pages(subjects: Sequence[str]) -> list[Sequence[str]]:
    return [subjects[i : i + 200] for i in range(0, len(subjects), 200)]
