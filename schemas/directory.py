"""Who is who and may share with whom, as a fold over the facts of people, watches and feeds."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas import feeds, people, watch
from schemas.vocabulary import Role

TRADES = (people.TRADE, watch.TRADE, feeds.TRADE)


@dataclass(slots=True)
class Directory:
    """The picture of one mode. Each fact is applied once, in ledger order; the latest holds."""

    organisations: dict[str, feeds.OrganisationSet] = field(default_factory=dict)
    watches: dict[str, watch.Established] = field(default_factory=dict)
    roles: dict[tuple[str, str, Role], people.Granted] = field(default_factory=dict)
    tokens: dict[str, people.TokenIssued] = field(default_factory=dict)
    agreements: dict[str, feeds.Agreed] = field(default_factory=dict)
    regions: dict[str, feeds.RegionSet] = field(default_factory=dict)
    subscriptions: dict[str, feeds.Subscribed] = field(default_factory=dict)

    def apply(self, body: Any) -> None:  # noqa: C901 - one flat case per fact
        """Take in one fact's body; others than those of people, watches and feeds are passed over."""
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

    def has_role(self, person: str, watch_key: str, now: datetime, *roles: Role) -> bool:
        """True if the person has one of the roles now, in the watch or its whole organisation."""
        organisation = watch_key.partition(".")[0]
        for where in (watch_key, organisation):
            for role in roles:
                granted = self.roles.get((person, where, role))
                if granted and (granted.until is None or now < granted.until):
                    return True
        return False

    def agreed(self, one: str, other: str, now: datetime) -> bool:
        """True if an agreement between the two is active now; an organisation agrees with itself."""
        if one == other:
            return True
        return any(
            one in agreement.parties and other in agreement.parties and _active(agreement, now)
            for agreement in self.agreements.values()
        )

    def share_region(self, one: str, other: str, now: datetime) -> bool:
        """True if both organisations are members of one region now."""
        return one == other or any(
            one in region.members and other in region.members and _active(region, now)
            for region in self.regions.values()
        )

    def hidden(self, watch_key: str) -> bool:
        """True if the watch must leave no trace in logs and metrics (D13)."""
        known = self.watches.get(watch_key)
        return known is not None and known.hidden

    def subscription(self, organisation: str, mode: str, now: datetime) -> feeds.Subscribed | None:
        """The organisation's active subscription in this mode, if any."""
        found = self.subscriptions.get(organisation)
        return found if found and mode in found.modes and _active(found, now) else None


def _active(dated: feeds.Agreed | feeds.RegionSet | feeds.Subscribed, now: datetime) -> bool:
    return dated.since <= now and (dated.until is None or now < dated.until)
