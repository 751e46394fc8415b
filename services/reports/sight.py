"""Who may read which report, and what of its head. Pure but for the clock."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from schemas.authorisation import READ, check
from schemas.directory import Directory
from schemas.envelope import Actor
from schemas.sharing import may_see
from services.reports import sheets
from services.reports.picture import Head, Picture


def find(picture: Picture, key: str, report: str, person: str | None) -> Head | None:
    """A report of the watch ``key``; else one of its organisation that the person may approve."""
    org = key.partition(".")[0]
    own = picture.heads.get(f"{key}.{report}")
    if own is not None or person is None:
        return own
    for head in picture.heads.values():
        if head.report == report and head.place.org == org and may_judge(picture, head, person):
            return head
    return None


def may_judge(picture: Picture, head: Head, person: str | None) -> bool:
    """True if the person approves reports of that template in that watch."""
    template = picture.template(head.place.key, head.template)
    if template is None or person is None:
        return False
    return sheets.may_approve(template, person, head.place.key, picture.directory, _now())


def may_recall(picture: Picture, head: Head, person: str | None) -> bool:
    """True if the person may recall what was locked of the report."""
    template = picture.template(head.place.key, head.template)
    if template is None or person is None:
        return False
    return sheets.may_recall(template, person, head.place.key, picture.directory, _now())


def check_read(actor: Actor, directory: Directory) -> Any:
    """Who may read: a person with a role, or a machine whose token has the scope ``read``."""
    token = directory.tokens.get(actor.machine or "") if actor.person is None else None
    now = directory.now(actor.organisation, _now())
    holds = token is not None and now < token.until and "read" in token.scope
    if token is not None and holds and directory.reaches(token, actor.key):
        return None
    return check(actor, READ, "reports", directory, _now())


def is_inside(picture: Picture, head: Head, key: str, person: str | None) -> bool:
    """True for the report's own watch, and for who approves it: they see drafts too."""
    is_own_house = key.partition(".")[0] == head.place.org
    return key == head.place.key or (is_own_house and may_judge(picture, head, person))


def sees(picture: Picture, head: Head, key: str, person: str | None) -> bool:
    """True if a report is there for the asker: from inside, or as one who has a locked version."""
    if is_inside(picture, head, key, person):
        return True
    return _newest(picture, head, key) > 0


def _newest(picture: Picture, head: Head, key: str) -> int:
    """The number of the newest locked version that was given to the watch; 0 if none was."""
    now = _now()
    seen = (one for one, lock in head.locks.items() if may_see(lock.reach, key, picture.directory, now))
    return max(seen, default=0)


def heads_of(picture: Picture, report: str, key: str, person: str | None) -> Iterator[Head]:
    """The reports of that id that the asker may see, its own watch's first."""
    named = [head for head in picture.heads.values() if head.report == report]
    named.sort(key=lambda head: head.place.key != key)
    return (head for head in named if sees(picture, head, key, person))


def head_told(picture: Picture, head: Head, key: str, person: str | None) -> dict[str, Any]:
    """A report's head; from outside it tells of nothing but locked versions."""
    inside = is_inside(picture, head, key, person)
    template = picture.template(head.place.key, head.template)
    newest = head.locked if inside else _newest(picture, head, key)
    return {
        "id": head.report,
        "watch": head.place.key,
        "template": head.template,
        "title": template.title if template else None,
        "state": _state(head, newest, inside=inside),
        "version": head.version if inside else newest,
        "locked": newest,
        "approvals": template.approvals if template and inside else None,
        "may_approve": inside and head.state == sheets.SUBMITTED and may_judge(picture, head, person),
        "may_recall": inside and newest not in (0, *head.recalled) and may_recall(picture, head, person),
    }


def _state(head: Head, newest: int, *, inside: bool) -> str:
    if inside and head.state != sheets.LOCKED:
        return head.state
    return sheets.RECALLED if newest in head.recalled else sheets.LOCKED


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
