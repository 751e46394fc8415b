"""Writing many messages into a stream in order, in atomic batches, each at the sequence it must have."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson
from nats.aio.client import Client

BATCH_MOST = 500
BATCH_BYTES = 1024 * 1024
_TIMEOUT_S = 30.0


class RewriteFailed(Exception):
    """The broker did not store a batch where it must lie; ``args`` are stream, first sequence, code."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A message to be written again; its id only where a sender might send it once more."""

    subject: str
    data: bytes
    message_id: str | None = None


def single(messages: Sequence[Kept]) -> Iterator[Sequence[Kept]]:
    """The messages as one page, if there are any."""
    if messages:
        yield messages


class Rewriter:
    """Writes on a connection that may publish everywhere."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def write(self, stream: str, pages: Iterable[Sequence[Kept]], start: int | None = None) -> int:
        """Write all of them in order; the count. The first must get sequence ``start``, if given.

        Raises RewriteFailed; what was written before stays.
        """
        count = 0
        for page in pages:
            for batch in _batches(page):
                await self._commit(stream, batch, None if start is None else start + count)
                count += len(batch)
        return count

    async def _commit(self, stream: str, batch: Sequence[Kept], start: int | None) -> None:
        id = secrets.token_hex(8)
        for place, kept in enumerate(batch, start=1):
            headers = {"Nats-Expected-Stream": stream}
            if kept.message_id is not None:
                headers["Nats-Msg-Id"] = kept.message_id
            if start is not None and place == 1:
                headers["Nats-Expected-Last-Sequence"] = str(start - 1)
            if len(batch) > 1:
                headers |= {"Nats-Batch-Id": id, "Nats-Batch-Sequence": str(place)}
            if place < len(batch):
                await self._nc.publish(kept.subject, kept.data, headers=headers)
                continue
            if len(batch) > 1:
                headers["Nats-Batch-Commit"] = "1"
            reply = await self._nc.request(kept.subject, kept.data, timeout=_TIMEOUT_S, headers=headers)
            _check(orjson.loads(reply.data), stream, start, len(batch))


def _check(answer: dict[str, object], stream: str, start: int | None, count: int) -> None:
    error = answer.get("error")
    if isinstance(error, dict):
        raise RewriteFailed(stream, start, error.get("err_code"))
    if start is not None and answer["seq"] != start + count - 1:
        raise RewriteFailed(stream, start, answer["seq"])


def _batches(page: Sequence[Kept]) -> Iterator[Sequence[Kept]]:
    """Parts of at most BATCH_MOST messages and about BATCH_BYTES."""
    batch: list[Kept] = []
    size = 0
    for kept in page:
        if batch and (len(batch) == BATCH_MOST or size + len(kept.data) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(kept)
        size += len(kept.data)
    if batch:
        yield batch
