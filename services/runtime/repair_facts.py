"""Facts about the hub's own copies: what was repaired. They are no incident's and no watch's."""

from datetime import UTC, datetime

from schemas import subjects
from schemas.envelope import Actor, Body, Fact
from schemas.identifiers import new_id
from schemas.vocabulary import Authentication, Mode
from services.runtime import names
from services.runtime.rewriting import Kept

USER = "repair"
_ORGANISATION, _WATCH = names.REPAIR


def repair_fact(mode: str, body: Body) -> Kept:
    """The fact that says so, under a new id."""
    id, about = new_id(), new_id()
    now = datetime.now(UTC).astimezone()
    actor = Actor(
        machine=USER,
        organisation=_ORGANISATION,
        watch=_WATCH,
        via=USER,
        authentication=Authentication.SERVICE,
    )
    owner = f"{_ORGANISATION}.{_WATCH}"
    said = body.model_dump(mode="json")
    data = Fact.Data(
        mode=Mode(mode),
        owner=owner,
        controller=_ORGANISATION,
        actor=actor,
        occurred_at=now,
        command=id,
        body=said,
    )
    fact = Fact(id=id, source=f"/{USER}", type=body.type_name(), subject=about, time=now, data=data)
    subject = subjects.fact(mode, _ORGANISATION, _WATCH, body.trade, about, body.name)
    return Kept(subject, fact.encode(), id)
