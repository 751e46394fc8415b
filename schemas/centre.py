"""The centre file: who takes part in a hub, in TOML or YAML, taken as a whole or refused as a whole."""

from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas import centre_check, centre_text
from schemas.centre_parts import (
    About,
    Agreement,
    IncidentType,
    Manning,
    NamedList,
    Organisation,
    Person,
    Policy,
    Region,
    Report,
    Retention,
    RoleGrant,
    Subscription,
    Watch,
)
from schemas.centre_text import CentreRefused, Problem
from schemas.envelope import Strict

__all__ = ["Centre", "CentreRefused", "Problem", "load"]


class Centre(Strict):
    """Everything in a centre file. ``schemas.centre_entries`` makes commands of it."""

    centre: About
    organisations: list[Organisation]
    watches: list[Watch]
    policies: list[Policy] = []
    types: list[IncidentType] = []
    persons: list[Person] = []
    roles: list[RoleGrant] = []
    manning: list[Manning] = []
    agreements: list[Agreement] = []
    regions: list[Region] = []
    subscriptions: list[Subscription] = []
    lists: list[NamedList] = []
    reports: list[Report] = []
    retention: list[Retention] = []

    def organisation(self, key: str) -> Organisation | None:
        """The organisation with this key."""
        return next((organisation for organisation in self.organisations if organisation.key == key), None)

    def watch(self, name: str) -> Watch | None:
        """The watch with this key or alias."""
        return next((watch for watch in self.watches if name in (watch.key, watch.alias)), None)

    def watches_of(self, organisation: str) -> list[Watch]:
        """The watches of an organisation, in the order of the file."""
        return [watch for watch in self.watches if watch.organisation == organisation]

    def person(self, name: str) -> Person | None:
        """The person with this key or id."""
        return next((person for person in self.persons if name in (person.key, person.id)), None)

    def policy_of(self, watch: Watch) -> Policy | None:
        """How the watch's people are told."""
        return next((policy for policy in self.policies if policy.code == watch.policy), None)


def load(path: Path) -> Centre:
    """The centre in a file ending in .toml, .yaml or .yml. Raises CentreRefused with every problem found."""
    text = centre_text.read(path)
    try:
        centre = Centre.model_validate_json(text.as_json())
    except ValidationError as error:
        raise CentreRefused([_shape(text, details) for details in error.errors()]) from None
    found = [
        Problem(code, text.where(place), text.line(place), reason)
        for code, place, reason in centre_check.problems(centre)
    ]
    if found:
        raise CentreRefused(found)
    return centre


def _shape(text: centre_text.CentreText, details: ErrorDetails) -> Problem:
    place = details["loc"]
    code = {"missing": "FIELD_MISSING", "extra_forbidden": "FIELD_UNKNOWN"}.get(details["type"], "FIELD_BAD")
    return Problem(code, text.where(place), text.line(place), details["msg"])
