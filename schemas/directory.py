"""Who is who and may share with whom, as a fold over the facts of people, watches and feeds."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import exercise, feeds, people, watch
from schemas.clock import Exercises, Run
from schemas.envelope import Body
from schemas.incident_types import Card, TypeSet
from schemas.vocabulary import Language, Role

TRADES = (people.TRADE, watch.TRADE, feeds.TRADE, exercise.TRADE)
REGISTER = (TypeSet.trade, TypeSet.name)
"""The facts of the register of types, for those who need it."""
_BODIES: tuple[type[Body], ...] = (
    feeds.OrganisationSet,
    feeds.Agreed,
    feeds.RegionSet,
    feeds.Subscribed,
    watch.Established,
    people.Granted,
    people.Revoked,
    people.Forgotten,
    people.TokenIssued,
    people.TokenRevoked,
    exercise.Begun,
    exercise.ClockSet,
    exercise.Ended,
    exercise.Discarded,
)
FACTS = tuple((body.trade, body.name) for body in _BODIES)
"""Trade and name of what says who is who; shifts and sign-ins make many others of these trades."""


@dataclass(slots=True)
class Directory:
    """The picture of one mode. Each fact is applied once, in ledger order; the latest holds.

    ``now`` is always the wall time: what is dated holds by the clock of the exercise that it is in.
    """

    organisations: dict[str, feeds.OrganisationSet] = field(default_factory=dict)
    watches: dict[str, watch.Established] = field(default_factory=dict)
    roles: dict[tuple[str, str, Role], people.Granted] = field(default_factory=dict)
    tokens: dict[str, people.TokenIssued] = field(default_factory=dict)
    agreements: dict[str, feeds.Agreed] = field(default_factory=dict)
    regions: dict[str, feeds.RegionSet] = field(default_factory=dict)
    subscriptions: dict[str, feeds.Subscribed] = field(default_factory=dict)
    types: dict[str, TypeSet] = field(default_factory=dict)
    cards: dict[tuple[str, int], Card] = field(default_factory=dict)
    """By type and version; what a version said first it says for ever."""
    runs: dict[str, Run] = field(default_factory=dict)
    joined: dict[str, tuple[tuple[datetime, str], ...]] = field(default_factory=dict)

    def apply(self, body: Any) -> None:  # noqa: C901, PLR0915 - one flat case per fact
        """Take in one fact's body; what says nothing of who is who is passed over."""
        match body:
            case feeds.OrganisationSet():
                self.organisations[body.organisation] = body
            case watch.Established():
                self.watches[body.watch] = body
            case people.Granted():
                self.roles[body.person, body.where, body.role] = body
            case people.Revoked():
                self.roles.pop((body.person, body.where, body.role), None)
            case people.Forgotten():
                self.roles = {key: role for key, role in self.roles.items() if key[0] != body.person}
            case people.TokenIssued():
                self.tokens[body.machine] = body
            case people.TokenRevoked():
                self.tokens.pop(body.machine, None)
            case feeds.Agreed():
                self.agreements[body.agreement] = body
            case feeds.RegionSet():
                self.regions[body.region] = body
            case feeds.Subscribed():
                self.subscriptions[body.subscriber] = body
            case TypeSet():
                self.types[body.type] = body
                if body.card is not None:
                    self.cards.setdefault((body.type, body.card.version), body.card)
            case exercise.Begun() | exercise.ClockSet() | exercise.Ended() | exercise.Discarded():
                self.exercises.apply(body)

    def type_for(self, watch_key: str, code: str) -> TypeSet | None:
        """What the register says of a type, as far as the watch may know it (D13)."""
        known = self.types.get(code)
        return known if known is not None and known.is_for(watch_key) else None

    @property
    def exercises(self) -> Exercises:
        """The exercises of the mode, and their clocks."""
        return Exercises(self.runs, self.joined)

    def now(self, key: str, now: datetime) -> datetime:
        """What time it is for an organisation or watch: its exercise's, or the wall's."""
        return self.exercises.time(key.partition(".")[0], now) if self.joined else now

    def occurred(self, key: str, said: datetime, sent: datetime) -> datetime:
        """When something happened by a watch's clock: who sent no time but that of sending means now."""
        return self.now(key, said) if said == sent else said

    def has_role(self, person: str, watch_key: str, now: datetime, *roles: Role) -> bool:
        """True if the person has one of the roles now, in the watch or its whole organisation.

        Nothing opens a hidden watch but a role in that watch itself (D13).
        """
        return self.had_role(person, watch_key, self.now(watch_key, now), *roles)

    def has_house_role(self, person: str, organisation: str, now: datetime, *roles: Role) -> bool:
        """True if the person has one of the roles in the organisation as a whole now."""
        return self._holds(person, organisation, self.now(organisation, now), roles)

    def has_anybody(self, organisation: str, now: datetime, *roles: Role) -> bool:
        """True if anybody has one of the roles now in the organisation, or in a watch of it that is open."""
        then = self.now(organisation, now)
        return any(
            self.lies_in(place, organisation) and self._holds(person, place, then, roles)
            for person, place, _ in self.roles
        )

    def is_discarded(self, watch_key: str, recorded_at: datetime) -> bool:
        """True if what was recorded in the watch then is ended for good with its exercise."""
        run = self.exercises.of(watch_key.partition(".")[0], recorded_at) if self.joined else None
        return run is not None and any(
            recorded_at <= wall and self.lies_in(watch_key, where) for where, wall in run.gone
        )

    def lies_in(self, watch_key: str, where: str) -> bool:
        """True if ``where`` is the watch, or its organisation, which does not reach into a hidden one."""
        return where == watch_key or (where == watch_key.partition(".")[0] and not self.hidden(watch_key))

    def rules_over(self, person: str, watch_key: str, now: datetime, *roles: Role) -> bool:
        """The same to end access: a role in the whole organisation counts also in a hidden watch."""
        organisation, then = watch_key.partition(".")[0], self.now(watch_key, now)
        return any(self._holds(person, where, then, roles) for where in (watch_key, organisation))

    def had_role(self, person: str, watch_key: str, then: datetime, *roles: Role) -> bool:
        """The same for a moment of the watch's own clock."""
        wide = () if self.hidden(watch_key) else (watch_key.partition(".")[0],)
        return any(self._holds(person, where, then, roles) for where in (watch_key, *wide))

    def reaches(self, token: people.TokenIssued, watch_key: str) -> bool:
        """True if a machine's token is for the watch, or for its organisation; a hidden one needs its own."""
        return self.lies_in(watch_key, token.where)

    def _holds(self, person: str, where: str, then: datetime, roles: tuple[Role, ...]) -> bool:
        found = (self.roles.get((person, where, role)) for role in roles)
        return any(granted and (granted.until is None or then < granted.until) for granted in found)

    def agreed(self, one: str, other: str, now: datetime) -> bool:
        """True if an agreement between the two is active now; an organisation agrees with itself."""
        if one == other:
            return True
        then = self.now(one, now)
        return any(
            one in agreement.parties and other in agreement.parties and _active(agreement, then)
            for agreement in self.agreements.values()
        )

    def share_region(self, one: str, other: str, now: datetime) -> bool:
        """True if both organisations are members of one region now."""
        then = self.now(one, now)
        return one == other or any(
            one in region.members and other in region.members and _active(region, then)
            for region in self.regions.values()
        )

    def language(self, watch_key: str) -> str:
        """What the people of the watch's organisation are told in."""
        known = self.organisations.get(watch_key.partition(".")[0])
        return Language.BOKMAL.value if known is None else known.language.value

    def hidden(self, watch_key: str) -> bool:
        """True if the watch must leave no trace in logs and metrics (D13)."""
        known = self.watches.get(watch_key)
        return known is not None and known.hidden

    def subscription(self, organisation: str, mode: str, now: datetime) -> feeds.Subscribed | None:
        """The organisation's active subscription in this mode, if any."""
        found = self.subscriptions.get(organisation)
        return (
            found if found and mode in found.modes and _active(found, self.now(organisation, now)) else None
        )


def _active(dated: feeds.Agreed | feeds.RegionSet | feeds.Subscribed, now: datetime) -> bool:
    return dated.since <= now and (dated.until is None or now < dated.until)
