"""The rules of attached files: what makes an entry of one, and who gets which copy. Pure, with ``now`` given.

A file's own watches, the log's and the author's, get its bytes as they came. All others who may see the
entry get a copy without hidden data, and only when the hub has found that it may be released.
"""

from dataclasses import dataclass
from typing import Any, Literal

from schemas import attachments
from schemas.envelope import Refused
from schemas.vocabulary import IncidentState
from services.incidents import limits
from services.incidents.filetypes import safe_name
from services.incidents.fold import Incident, Item
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict
from services.runtime.objects import object_name

_BESIDE = {"ref", "upload"}
_OF_FILE = ("file", "size", "digest")


@dataclass(frozen=True, slots=True)
class Copy:
    """Which bytes somebody gets; ``sort`` is ``original`` or ``shared``."""

    sort: str
    object: str
    chunks: int
    media_type: str


def attach_file(case: Case[attachments.AttachFile], unfit: Refused | None) -> Verdict:
    """A file becomes an entry, whatever the incident's state (D4); ``unfit`` is what its bytes speak against.

    Who may not write is refused before anything is said of the bytes.
    """
    request, sender = case.request, case.actor.key
    seen = limits.visible(case.log, sender, case.directory, case.now)
    part = seen or case.log.part(sender)
    refused = (
        limits.reporting(case)
        or limits.codes(request.channel)
        or limits.writable(case, part)
        or limits.fileable(case, part)
        or unfit
    )
    if refused is not None:
        return refused
    said = request.model_dump(exclude=_BESIDE | {"incident"})
    body = attachments.Attached(
        incident=case.log.id,
        mark=_mark(seen),
        object=object_name(sender, request.upload),
        **said,
    )
    return Decided(part, body, case.content, request.level, guarded=False)


def _mark(seen: Incident | None) -> Literal["closed", "unattached"] | None:
    if seen is None:
        return "unattached"
    return "closed" if seen.state is IncidentState.CLOSED else None


def is_own(item: Item, watch: str) -> bool:
    """True for the watches that get the file as it came: the log's and the author's."""
    return watch in (item.reach.owner, item.author)


def copy_for(item: Item, watch: str) -> Copy | Refused:
    """What a watch that sees the item gets of its file, or why it gets nothing now."""
    file, checked = item.file, item.checked
    if file is None:
        return Refused(code="UNKNOWN_FILE")
    if item.erased:
        return Refused(code="ALREADY_ERASED")
    outcome = "waiting" if checked is None else checked.outcome
    if outcome == "infected":
        return Refused(code="FILE_HELD", parameters={"outcome": outcome})
    if is_own(item, watch):
        return Copy("original", file.object, file.chunks, file.media_type)
    if checked is None or checked.shared is None:
        return Refused(code="FILE_HELD", parameters={"outcome": outcome})
    return Copy("shared", checked.shared.object, checked.shared.chunks, file.media_type)


def file_told(item: Item, file: attachments.Attached, content: dict[str, Any], watch: str) -> dict[str, Any]:
    """A file as its readers know it, and the words beside it.

    What the scanner said is told where the file lies as it came.
    """
    copy, outcome = copy_for(item, watch), "waiting" if item.checked is None else item.checked.outcome
    told = {
        "media_type": file.media_type,
        "name": safe_name(content["file"], file.media_type) if "file" in content else None,
        "size": content.get("size"),
        "digest": content.get("digest"),
        "checked": outcome if is_own(item, watch) else None,
        "given": None if isinstance(copy, Refused) else copy.sort,
    }
    return {"attachment": told, "content": words_beside(content)}


def words_beside(content: dict[str, Any] | None) -> dict[str, Any] | None:
    """What somebody wrote, without what tells one file from another."""
    return {name: said for name, said in (content or {}).items() if name not in _OF_FILE} or None
