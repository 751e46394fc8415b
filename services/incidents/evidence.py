"""Questions about what the log can prove: a watch's own checkpoints, and proofs of its own facts."""

import base64
import time
from typing import Annotated, Any

import orjson
from pydantic import Field

from schemas.envelope import Token
from schemas.subjects import Address
from services.incidents.checkpoint import Signed, log_name, verifier_key
from services.incidents.queries import Queries
from services.incidents.questions import Question
from services.incidents.sealing import Checkpoints
from services.incidents.store import Store
from services.incidents.trees import Trees
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate

_EVER = 1 << 53
_Size = Annotated[int, Field(ge=1, lt=_EVER)]


class CheckpointsQuestion(Question):
    """The watch's checkpoints made before a moment (seconds since 1970), the newest first."""

    before: _Size = _EVER - 1
    limit: int = Field(20, ge=1, le=500)


class InclusionQuestion(Question):
    """A proof that a fact of the watch is in its log."""

    fact: Token


class ConsistencyQuestion(Question):
    """A proof that the log of ``size`` begins with that of ``former``; without ``size``, as it is now."""

    former: _Size
    size: _Size | None = None


class OpeningQuestion(Question):
    """What opens the blinded head of the round at that moment for this watch."""

    at: _Size


class Evidence:
    """Handlers of ``checkpoints``, ``inclusion``, ``consistency`` and ``opening``.

    Each speaks of the asking watch's own log only: how many facts there are is told to its readers (D13).
    """

    def __init__(self, queries: Queries, store: Store, checkpoints: Checkpoints) -> None:
        self._queries = queries
        self._store = store
        self._checkpoints = checkpoints
        self._trees = Trees(store.engine)

    async def checkpoints(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The kept checkpoints and the public key. Raises Refusal."""
        asked = validate(CheckpointsQuestion, orjson.dumps(body))
        await self._queries.admit(asked, address)
        kept = await in_thread(
            self._checkpoints.listing, address.mode, address.key, asked.before, asked.limit
        )
        key = verifier_key(f"samvirke/{log_name(address.mode, address.key)}", self._checkpoints.public)
        return {"status": "ok", "key": key, "checkpoints": [_shown(one) for one in kept]}

    async def inclusion(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The proof for one fact against the log as it is now. Raises Refusal: UNKNOWN_ENTRY."""
        asked = validate(InclusionQuestion, orjson.dumps(body))
        await self._queries.admit(asked, address)
        return await in_thread(self._inclusion, address, asked.fact)

    async def consistency(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The proof between two sizes of the log. Raises Refusal: NO_CHECKPOINT."""
        asked = validate(ConsistencyQuestion, orjson.dumps(body))
        await self._queries.admit(asked, address)
        return await in_thread(self._consistency, address, asked.former, asked.size)

    async def opening(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """What opens a blinded head that a neighbour keeps. Raises Refusal: NO_CHECKPOINT."""
        asked = validate(OpeningQuestion, orjson.dumps(body))
        await self._queries.admit(asked, address)
        try:
            found = await in_thread(self._checkpoints.opening, address.mode, address.key, asked.at)
        except KeyError:
            raise Refusal("NO_CHECKPOINT") from None
        place = {"salt": _text(found.salt), "leaf": found.leaf, "size": found.size}
        return {"status": "ok", "checkpoint": found.note, **place, "path": [_text(one) for one in found.path]}

    def _inclusion(self, address: Address, fact: str) -> dict[str, Any]:
        sequence = self._store.born_in(address.mode, address.key, fact)
        signed = self._now(address)
        tree = self._trees.tree(address.mode, address.key)
        leaf = tree.leaves_of([sequence]).get(sequence) if sequence else None
        if leaf is None or leaf >= signed.checkpoint.size:
            raise Refusal("UNKNOWN_ENTRY")
        size = signed.checkpoint.size
        return {
            "status": "ok",
            "leaf": leaf,
            "hash": _text(tree.hash_of((0, leaf))),
            "proof": [_text(hash) for hash in tree.inclusion(leaf, size)],
            "checkpoint": signed.note(),
        }

    def _consistency(self, address: Address, former: int, size: int | None) -> dict[str, Any]:
        signed = self._now(address)
        size = size or signed.checkpoint.size
        if not former <= size <= signed.checkpoint.size:
            raise Refusal("NO_CHECKPOINT")
        tree = self._trees.tree(address.mode, address.key)
        return {
            "status": "ok",
            "former": {"size": former, "root": _text(tree.edge_at(former).root())},
            "size": size,
            "root": _text(tree.edge_at(size).root()),
            "proof": [_text(hash) for hash in tree.consistency(former, size)],
            "checkpoint": signed.note(),
        }

    def _now(self, address: Address) -> Signed:
        return self._checkpoints.now(address.mode, address.key, int(time.time()))


def _shown(signed: Signed) -> dict[str, Any]:
    checkpoint = signed.checkpoint
    return {
        "at": checkpoint.at,
        "size": checkpoint.size,
        "root": _text(checkpoint.root),
        "note": signed.note(),
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
