"""Who may begin an exercise. Pure; ``now`` is an argument."""

from collections.abc import Iterable
from datetime import datetime

from schemas.authorisation import ADMINISTER, check, is_centre
from schemas.directory import Directory
from schemas.envelope import Actor, Refused


def check_begin(
    actor: Actor, organisations: Iterable[str], directory: Directory, now: datetime
) -> Refused | None:
    """Refuse unless the person leads each house that is named as a whole, as its coordinator does.

    An exercise takes in all watches of a house and sets their clock, so a leader of one of them cannot begin
    it. Another house consents by giving the person the role of leader or ops in all of it, which in mode
    exercise opens nothing actual and may have an end.
    """
    refused = check(actor, ADMINISTER, "begin", directory, now)
    if refused is not None or is_centre(actor):
        return refused
    for organisation in organisations:
        if not directory.has_house_role(actor.person or "", organisation, now, *ADMINISTER):
            return Refused(code="HOUSE_ROLE_NEEDED", parameters={"organisation": organisation})
    return None
