"""Questions of an export: what is in it, each incident in pages, and what binds it to a checkpoint.

The person's own sight decides, as with any other reading, and restricted items are noted as read. Exact facts
and their proof are for the watch they were born in: only there are the whole log and its checkpoints seen.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import Field
from sqlalchemy.engine import Engine

from schemas import incidents, notifications, reports
from schemas.envelope import Moment, Token, WatchKey
from schemas.subjects import Address
from schemas.vocabulary import ReadGround
from services.incidents.checkpoint import log_name
from services.incidents.kin import reach_of
from services.incidents.lookups import Lookups
from services.incidents.queries import Queries
from services.incidents.questions import GetQuestion, Question
from services.incidents.sealing import Checkpoints, signing_seed
from services.incidents.trees import Trees
from services.incidents.view import Filed, Shown, filed
from services.incidents.viewer import Viewer
from services.runtime.lasting import in_thread
from services.runtime.reading import Refusal, validate

PAGE_BYTES = 400_000
"""About how large a page of an export is; one item may make it larger."""

_HEADS = 200
_NEWEST = 1 << 62
_NODES_MOST = 4000


class PlanQuestion(Question):
    """Which incidents: of one watch or all that one sees, opened in a period; ``last`` was told last."""

    watch: WatchKey | None = None
    since: Moment | None = None
    until: Moment | None = None
    last: Token | None = None


class PartQuestion(GetQuestion):
    """A page of one incident: its ``log`` or its exact ``facts``, from an index on.

    ``report`` asks for the exact facts of the situation report that ``id`` names, of the own watch.
    ``size`` is that of the checkpoint: later facts are left out.
    """

    part: Annotated[str, Field(pattern="^(log|facts|report)$")] = "log"
    start: Annotated[int, Field(ge=0)] = 0
    size: Annotated[int, Field(ge=0)] = 0


class ProofQuestion(Question):
    """A checkpoint of the asker's log, or the hashes of nodes of its tree, each as level and index."""

    nodes: list[tuple[int, int]] = Field(default_factory=list, max_length=_NODES_MOST)


class Exporter:
    """The handlers of ``export_plan``, ``export`` and ``export_proof``."""

    def __init__(self, engine: Engine, home: Path, lookups: Lookups, queries: Queries) -> None:
        self._engine = engine
        self._home = home
        self._lookups = lookups
        self._queries = queries

    async def plan(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The ids of the incidents, the newest first, and whether there are more. Raises Refusal."""
        question = validate(PlanQuestion, orjson.dumps(body))
        viewer = await self._admit(question, address)
        found, is_cut = await in_thread(self._plan, question, address.mode, viewer)
        return {"status": "ok", "incidents": found, "more": is_cut}

    async def part(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """One page of an incident; ``next`` is where the next begins. Raises Refusal, as ``get`` does."""
        question = validate(PartQuestion, orjson.dumps(body))
        viewer = await self._admit(question, address, fresh=question.start == 0)
        if question.part == "report":
            return await self._report(question, address.mode, viewer)
        shown, reason = await self._queries.look(question, address.mode, viewer)
        id = str(shown.incident["id"])
        if question.part == "facts":
            answer = await in_thread(self._facts, question, address.mode, id, viewer, _is_exact)
            told = {fact.pop("id") for fact in answer["facts"]}
        else:
            answer = _log(shown, question.start)
            answer["titles"] = _titles(answer, viewer)
            told = {entry["id"] for entry in answer["entries"]}
            told |= (
                set() if question.start else {item for item in shown.restricted if item not in _ids(shown)}
            )
        items = [(id, item) for item in shown.restricted if item in told]
        await self._queries.note("export", question.actor, address.mode, viewer, items, reason)
        return answer

    async def _report(self, question: PartQuestion, mode: str, viewer: Viewer) -> dict[str, Any]:
        """One page of a report's facts; those with tagged words are noted as read."""
        id = question.id or ""
        answer = await in_thread(self._facts, question, mode, id, viewer, _is_of_report)
        told = [(fact.pop("id"), fact) for fact in answer["facts"]]
        tagged = [(id, item) for item, fact in told if fact["sealed"] and _is_tagged(fact)]
        await self._queries.note("export", question.actor, mode, viewer, tagged, ReadGround.OWN)
        return answer

    async def proof(self, body: dict[str, Any], address: Address) -> dict[str, Any]:
        """The checkpoint as of now, or the hashes of some nodes. Raises Refusal."""
        question = validate(ProofQuestion, orjson.dumps(body))
        await self._admit(question, address)
        return await in_thread(self._proof, address.mode, address.key, question.nodes)

    async def _admit(self, question: Question, address: Address, *, fresh: bool = True) -> Viewer:
        if question.actor.person is None:
            raise Refusal("PERSON_NEEDED", act="export")
        return await self._queries.admit(question, address, fresh=fresh)

    def _plan(self, question: PlanQuestion, mode: str, viewer: Viewer) -> tuple[list[str], bool]:
        before = self._place_of(mode, question.last, viewer)
        found: list[str] = []
        while page := self._lookups.heads(mode, "all", viewer.watch, before, _HEADS):
            for row in page:
                if viewer.sees(reach_of(row)) and _in_scope(row, question):
                    found.append(row["id"])
            before = page[-1]["sequence"]
            if len(found) >= _HEADS:
                return found, True
        return found, False

    def _place_of(self, mode: str, id: str | None, viewer: Viewer) -> int:
        rows = self._lookups.by_id(mode, id) if id is not None else []
        seen = [int(row["sequence"]) for row in rows if viewer.sees(reach_of(row))]
        return seen[0] if seen else _NEWEST

    def _facts(
        self,
        question: PartQuestion,
        mode: str,
        id: str,
        viewer: Viewer,
        is_meant: Callable[[Filed, str], bool],
    ) -> dict[str, Any]:
        rows = self._lookups.about(mode, id)
        own = [row for row in rows if (one := filed(row)) is not None and is_meant(one, viewer.watch)]
        leaves = Trees(self._engine).tree(mode, viewer.watch).leaves_of(row["sequence"] for row in own)
        facts = [_fact(row, leaves[row["sequence"]]) for row in own if row["sequence"] in leaves]
        bound = [fact for fact in facts if fact["leaf"] < question.size]
        lines, after = _page(bound, question.start)
        return {"status": "ok", "log": log_name(mode, viewer.watch), "facts": lines, "next": after}

    def _proof(self, mode: str, watch: str, nodes: list[tuple[int, int]]) -> dict[str, Any]:
        if nodes:
            tree = Trees(self._engine).tree(mode, watch)
            try:
                return {"status": "ok", "hashes": [tree.hash_of(node).hex() for node in nodes]}
            except (KeyError, ValueError, OverflowError):
                raise Refusal("MALFORMED", where=["nodes"]) from None
        checkpoints = Checkpoints(self._engine, signing_seed(self._home))
        at = int(datetime.now(UTC).timestamp())
        signed = checkpoints.now(mode, watch, at)
        earlier = checkpoints.grown(mode, watch, signed.checkpoint.size)
        return {
            "status": "ok",
            "log": log_name(mode, watch),
            "checkpoint": signed.note(),
            "size": signed.checkpoint.size,
            "earlier": [one.note() for one in earlier[-_HEADS:]],
        }


def _log(shown: Shown, start: int) -> dict[str, Any]:
    lines, after = _page(shown.entries, start)
    answer: dict[str, Any] = {"status": "ok", "entries": lines, "next": after}
    names = () if start else ("incident", "chains", "tasks", "requests", "card")
    return answer | {name: getattr(shown, name) for name in names}


def _titles(answer: dict[str, Any], viewer: Viewer) -> dict[str, str]:
    """What the watches are called that a page names anyway; those of another house with its name before."""
    actors = (entry["actor"] for entry in answer["entries"])
    keys = {f"{one.get('organisation')}.{one.get('watch')}" for one in actors}
    head = answer.get("incident", {})
    keys |= {head.get("owner"), head.get("responsible"), viewer.watch}
    keys |= {one["watch"] for one in answer.get("chains", ())}
    return {key: _title(key, viewer) for key in keys if key in viewer.directory.watches}


def _title(key: str, viewer: Viewer) -> str:
    title = viewer.directory.watches[key].title
    house = viewer.directory.organisations.get(key.partition(".")[0])
    return title if house is None or viewer.is_house_of(key) else f"{house.title} · {title}"


def _ids(shown: Shown) -> set[str]:
    return {entry["id"] for entry in shown.entries}


def _in_scope(row: Any, question: PlanQuestion) -> bool:
    recorded_at = datetime.fromisoformat(row["recorded_at"])
    return (
        question.watch in (None, row["watch"])
        and (question.since is None or recorded_at >= question.since)
        and (question.until is None or recorded_at < question.until)
    )


def _is_exact(one: Filed, watch: str) -> bool:
    """True for facts of the watch's own log that name nobody of another house, and no other watch's steps."""
    if one.place.key != watch:
        return False
    actor, house = one.fact.data.actor, watch.partition(".")[0]
    if actor.person is not None and actor.organisation != house:
        return False
    if one.place.trade == notifications.TRADE:
        return getattr(one.body, "watch", None) == watch
    return one.place.trade == incidents.TRADE


def _is_of_report(one: Filed, watch: str) -> bool:
    """True for the facts of a report of the watch; only its own house writes and approves them."""
    return one.place.key == watch and one.place.trade == reports.TRADE


def _fact(row: Any, leaf: int) -> dict[str, Any]:
    sealed = row["sealed"]
    return {
        "id": row["id"],
        "leaf": leaf,
        "raw": bytes(row["raw"]).hex(),
        "sealed": None if sealed is None else bytes(sealed).hex(),
    }


def _is_tagged(fact: dict[str, Any]) -> bool:
    return bool(orjson.loads(bytes.fromhex(fact["raw"]))["data"]["body"].get("tags"))


def _page(found: Sequence[dict[str, Any]], start: int) -> tuple[list[dict[str, Any]], int | None]:
    """What fits in a page from ``start`` on, and where the next one begins; None after the last."""
    taken = list(_fitting(found[start:]))
    end = start + len(taken)
    return taken, None if end >= len(found) else end


def _fitting(found: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    size = 0
    for one in found:
        yield one
        size += len(orjson.dumps(one))
        if size >= PAGE_BYTES:
            return
