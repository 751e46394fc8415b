"""Who may do what (roles per organisation or watch). Pure; ``now`` is an argument."""

from datetime import datetime

from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.subjects import CENTRE
from schemas.vocabulary import Authentication, Role

WRITE = (Role.OPERATOR, Role.LEADER)
READ = (Role.READER, *WRITE, Role.APPROVER, Role.ARCHIVE_OWNER, Role.DPO)
LEAD = (Role.LEADER,)
ERASE = (Role.ARCHIVE_OWNER,)
APPROVE_ERASURE = (Role.ARCHIVE_OWNER, Role.APPROVER, Role.DPO)
AUDIT = (Role.ARCHIVE_OWNER, Role.DPO)
ADMINISTER = (Role.OPS, Role.LEADER)


def check(
    actor: Actor, roles: tuple[Role, ...], act: str, directory: Directory, now: datetime
) -> Refused | None:
    """Refuse unless a person with one of ``roles`` in the actor's watch acts, or the centre file does."""
    if is_centre(actor):
        return None
    if actor.person is None:
        return Refused(code="PERSON_NEEDED", parameters={"act": act})
    if actor.key not in directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": actor.key})
    if not directory.has_role(actor.person, actor.key, now, *roles):
        return Refused(code="NOT_ALLOWED", parameters={"act": act})
    return None


def check_report(actor: Actor, directory: Directory, now: datetime) -> Refused | None:
    """Who may report: an operator, or a machine whose token has the scope ``report``."""
    if actor.person is not None or is_centre(actor):
        return check(actor, WRITE, "report", directory, now)
    if actor.key not in directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": actor.key})
    token = directory.tokens.get(actor.machine or "")
    if (
        token is None
        or directory.now(actor.organisation, now) >= token.until
        or not directory.reaches(token, actor.key)
    ):
        return Refused(code="TOKEN_ENDED")
    if "report" not in token.scope:
        return Refused(code="NOT_ALLOWED", parameters={"act": "report"})
    return None


def watches_overseen(actor: Actor, directory: Directory, now: datetime, roles: tuple[Role, ...]) -> list[str]:
    """The watches of the own house over which a person has one of the roles."""
    return [
        key
        for key in directory.watches
        if key.partition(".")[0] == actor.organisation
        and directory.has_role(actor.person or "", key, now, *roles)
    ]


def is_centre(actor: Actor) -> bool:
    """True for the authority that applies the centre file; the broker lets nobody else use its watch code."""
    return actor.watch == CENTRE and actor.authentication is Authentication.SERVICE
