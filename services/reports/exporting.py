"""Questions of an export: which locked versions there are, and each with all that its paper says."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from schemas.envelope import Token, WatchKey
from schemas.sharing import may_see
from schemas.subjects import Address
from services.reports.picture import Head, Lock, Picture
from services.reports.questions import Asked, AskVersion, Questions, titles_in
from services.reports.sight import is_inside
from services.runtime.reading import Refusal

PAGE = 200


class AskLocked(Asked):
    """Reports about one incident, else of one watch or all that one sees, locked in a period.

    Of each report all locked versions come along. ``start`` counts those that were told before.
    """

    incident: Token | None = None
    watch: WatchKey | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    start: Annotated[int, Field(ge=0)] = 0


class Exporter:
    """The handlers of ``locked`` and ``export``; a machine exports nothing."""

    def __init__(self, questions: Questions, pictures: Mapping[str, Picture]) -> None:
        self._questions = questions
        self._pictures = pictures

    async def locked(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """The versions in the order in which they were locked; ``next`` is where the next page begins."""
        picture, question = self._questions.admit(AskLocked, asked, address)
        _require_person(question)
        found = sorted(
            (one for head in picture.heads.values() for one in _locked(picture, head, question, address.key)),
            key=lambda one: (one["locked_at"], one["watch"], one["report"], one["version"]),
        )
        page, end = found[question.start : question.start + PAGE], question.start + PAGE
        return {"status": "ok", "versions": page, "next": end if end < len(found) else None}

    async def version(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """A version with its words, noted as read, and what the watches in it are called. Raises Refusal."""
        picture, question = self._questions.admit(AskVersion, asked, address)
        _require_person(question)
        found = await self._questions.found(picture, question, address, "export")
        return {"status": "ok", "report": found, "titles": titles_in(picture.directory, found)}


def _locked(picture: Picture, head: Head, question: AskLocked, key: str) -> list[dict[str, Any]]:
    """The versions of a report that the asker may see: all of them, once one is wanted."""
    inside, moment = is_inside(picture, head, key, question.actor.person), datetime.now(UTC)
    is_own_house = key.partition(".")[0] == head.place.org
    found, is_wanted = [], False
    for version, lock in head.locks.items():
        if not (inside or may_see(lock.reach, key, picture.directory, moment)):
            continue
        incidents = lock.quoted | lock.about if is_own_house else lock.quoted
        is_wanted = is_wanted or _is_wanted(head, lock, incidents, question)
        about = {"watch": head.place.key, "report": head.report, "version": version, "fact": lock.fact}
        found.append(about | {"locked_at": lock.at.isoformat(), "incidents": sorted(incidents)})
    return found if is_wanted else []


def _is_wanted(head: Head, lock: Lock, incidents: set[str], question: AskLocked) -> bool:
    if question.incident is not None:
        return question.incident in incidents
    return (
        question.watch in (None, head.place.key)
        and (question.since is None or lock.at >= question.since)
        and (question.until is None or lock.at < question.until)
    )


def _require_person(question: Asked) -> None:
    if question.actor.person is None:
        raise Refusal("PERSON_NEEDED", act="export")
