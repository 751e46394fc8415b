"""Facts as a door would write them, put straight into the ledger."""

from datetime import UTC, datetime
from typing import Any

from nats.aio.client import Client

from schemas import incidents, subjects
from schemas.canonical import commitment, seal
from schemas.envelope import Actor, Body, Fact
from schemas.identifiers import new_id, new_ref
from schemas.sharing import content_class
from schemas.vocabulary import Authentication, Level, Mode, Priority
from services.runtime import names
from services.runtime.appender import Appender, Outgoing

OWNER = "4601.vaktsentral"


class Scribe:
    """Appends facts of any trade, as the user of a connection that may."""

    def __init__(self, nc: Client) -> None:
        self._facts = {mode: Appender(nc) for mode in Mode}
        self._content = {mode: Appender(nc) for mode in Mode}

    async def write(self, made: "Made") -> int:
        """Store content and fact; the fact's sequence."""
        if made.sealed is not None:
            await self._content[made.mode].append(Outgoing(made.content_subject, made.sealed, made.id))
        return (await self._facts[made.mode].append(Outgoing(made.subject, made.raw, made.id))).sequence


class Made:
    """A fact with its sealed content."""

    def __init__(
        self,
        body: Body,
        *,
        about: str | None = None,
        owner: str = OWNER,
        by: str | None = None,
        content: dict[str, Any] | None = None,
        id: str | None = None,
        mode: Mode = Mode.ACTUAL,
        at: datetime | None = None,
        controller: str | None = None,
        person: str = "p1",
    ) -> None:
        org, watch = subjects.split_key(owner)
        self.id, self.mode = id or new_id(), mode
        self.about = about or new_id()
        self.owner = owner
        self.sealed = None if content is None else seal(content)
        level = getattr(body, "level", Level.WATCH)
        sort = content_class(level)
        self.content_subject = subjects.content(mode, org, watch, sort, self.id)
        self.shared_subject = subjects.content(mode, org, watch, "shared", self.id)
        self.subject = subjects.fact(mode, org, watch, body.trade, self.about, body.name)
        actor_org, actor_watch = subjects.split_key(by or owner)
        actor = Actor(
            person=person,
            organisation=actor_org,
            watch=actor_watch,
            via="test",
            authentication=Authentication.SESSION,
        )
        now = at or datetime.now(UTC)
        data = Fact.Data(
            mode=mode,
            owner=owner,
            controller=controller or org,
            actor=actor,
            occurred_at=now,
            command=self.id,
            commitment=None if self.sealed is None else commitment(self.sealed),
            content_class=None if self.sealed is None else sort,
            body=body.model_dump(mode="json", exclude_none=True),
        )
        self.fact = Fact(
            id=self.id, source="/test", type=body.type_name(), subject=self.about, time=now, data=data
        )
        self.raw = self.fact.encode()


def opened(headline: str = "Flom i Storgata", level: Level = Level.WATCH, **more: Any) -> Made:
    """An incident opened, with a head like those of every day."""
    fields = {"tags": more.pop("tags", []), "named": more.pop("named", [])}
    said = {"type": "flood", "priority": Priority.NORMAL} | more.pop("said", {})
    body = incidents.Opened(ref=new_ref(), level=level, municipalities=["4601"], **fields, **said)
    words = {"headline": headline, "text": "Vann over veien ved brua, to biler står fast. " * 4}
    return Made(body, content=words, **more)


def incidents_user() -> str:
    """Who may write facts of the incident log."""
    return names.INCIDENTS_LEDGER
