"""The rules of breaking the glass: one named watch sees an item above its cap, for a time (R11). Pure.

The way that helsepersonelloven sections 23 no. 4 and 31 need: a leader decides, says to whom, on which
ground, why and until when, and the data-protection officer is told at once.
"""

from datetime import timedelta
from typing import Any

from schemas import incidents, relations
from schemas.authorisation import check
from schemas.content_rules import check_item
from schemas.envelope import Body, Refused
from schemas.sharing import content_class, may_see
from schemas.vocabulary import ContentClass, Level, Role
from services.incidents import limits
from services.incidents.fold import Incident, Item
from services.incidents.limits import Case
from services.incidents.verdict import Decided, Verdict

LEAD = (Role.LEADER,)
LONGEST = timedelta(days=relations.BREAK_DAYS_MOST)


def is_repeated(request: Any, body: Body | None) -> bool:
    """True if a stored fact is what the request led to, so that it was only sent again."""
    names = ("to", "ground", "until")
    is_same = isinstance(body, relations.GlassBroken)
    return is_same and all(getattr(body, name) == getattr(request, name) for name in names)


def break_glass(case: Case[relations.BreakGlass]) -> Verdict:
    """A leader lets one watch see an item until a moment, whatever its tags and agreements say."""
    refused = check(case.actor, LEAD, "break_glass", case.directory, case.now)
    if refused is not None:
        return refused
    found = limits.item_of(case, "break_glass")
    if isinstance(found, Refused):
        return found
    part, item = found
    refused = _breakable(case, part, item) or _worded(case, part)
    if refused is not None:
        return refused
    is_house = case.request.to.partition(".")[0] == part.controller
    is_copied = not is_house and content_class(item.reach.level) is ContentClass.WATCH
    body = relations.GlassBroken(
        entry=incidents.HEAD if item.kind == "head" else item.id,
        to=case.request.to,
        ground=case.request.ground,
        until=case.request.until,
        commitment=item.commitment if is_copied else None,
    )
    return Decided(part, body, case.content, copies=item.id if body.commitment is not None else None)


def _breakable(case: Case[relations.BreakGlass], part: Incident, item: Item) -> Refused | None:
    request, sender = case.request, case.actor
    is_of_house = item.author.partition(".")[0] == part.controller
    if sender.key != item.author and not (sender.key == part.owner and is_of_house):
        return Refused(code="NOT_ALLOWED", parameters={"act": "break_glass"})
    if item.erased:
        return Refused(code="ALREADY_ERASED")
    if request.to not in case.directory.watches:
        return Refused(code="UNKNOWN_WATCH", parameters={"watch": request.to})
    if may_see(item.reach, request.to, case.directory, case.now):
        return Refused(code="SEES_ALREADY", parameters={"watch": request.to})
    now = case.directory.now(part.owner, case.now)
    return None if now < request.until <= now + LONGEST else Refused(code="BAD_PERIOD")


def _worded(case: Case[relations.BreakGlass], part: Incident) -> Refused | None:
    """The reason is said in words, which stay in the log's own watch; they are about why, not about whom."""
    if not (case.content or {}).get("text"):
        return Refused(code="CONTENT_NEEDED")
    level = Level.WATCH if case.actor.key == part.owner else Level.NAMED
    watch = case.directory.watches.get(part.owner)
    health = watch.health if watch else "reference"
    return limits.codes(case.request.ground) or check_item([], level, case.content, health)
