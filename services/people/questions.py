"""Questions to the room: does this secret hold, who is that, who is there."""

import asyncio
from typing import Annotated, Any

import orjson
from pydantic import Field

from schemas.authorisation import ADMINISTER, READ, check
from schemas.envelope import Actor, Strict, Token
from schemas.people import Secret
from schemas.subjects import Address
from services.people import rules
from services.people.keyring import fingerprint
from services.people.means import Means, Picture, clock, refuse
from services.people.sign_in import csrf, moment
from services.runtime.reading import Refusal, validate


class AskSecret(Strict):
    """Whoever holds a secret may ask what it stands for."""

    secret: Secret
    actor: Actor | None = None


class AskNames(Strict):
    """The names behind person ids."""

    actor: Actor
    persons: Annotated[list[Token], Field(max_length=500)]


class AskList(Strict):
    """Everybody in the asking organisation."""

    actor: Actor


class Questions:
    """What the door calls; nothing is changed by asking."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def session(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """Who is signed in with this secret, until when, and what his or her forms must carry."""
        secret = fingerprint(validate(AskSecret, orjson.dumps(asked)).secret)
        modes = rules.sign_in_modes(address.mode)
        found = await asyncio.to_thread(self._means.store.session, secret, modes, clock())
        if found is None:
            raise Refusal("SESSION_ENDED")
        until = moment(found["ends_at"])
        return {
            "status": "ok",
            "person": found["person"],
            "until": until,
            "csrf": csrf(self._means, found["hash"]),
        }

    async def token(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """Which machine holds this secret, where it may act, and what it may do."""
        secret = fingerprint(validate(AskSecret, orjson.dumps(asked)).secret)
        found = await asyncio.to_thread(self._means.store.token, secret, address.mode, clock())
        if found is None:
            raise Refusal("TOKEN_ENDED")
        return {
            "status": "ok",
            "machine": found["machine"],
            "where": found["place"],
            "scope": found["scope"].split(","),
            "until": moment(found["ends_at"]),
        }

    async def names(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """The names of those whom the asking organisation may know; others are left out."""
        question = validate(AskNames, orjson.dumps(asked))
        picture = self._reading(question.actor, address)
        seen = rules.seen_by(picture.register, picture.directory, address.key)
        wanted = [person for person in dict.fromkeys(question.persons) if person in seen]
        found = await self._means.contacts.read(wanted)
        return {
            "status": "ok",
            "names": {person: contact["display_name"] for person, contact in found.items()},
        }

    async def list(self, asked: dict[str, Any], address: Address) -> dict[str, Any]:
        """Everybody of the asking organisation, or with a role in it; contacts for who administers."""
        question = validate(AskList, orjson.dumps(asked))
        picture = self._reading(question.actor, address)
        persons = rules.seen_by(picture.register, picture.directory, address.key)
        contacts = await self._means.contacts.read(sorted(persons))
        administers = check(question.actor, ADMINISTER, "list", picture.directory, clock()) is None
        rows = [
            _row(picture, person, address.key, contacts.get(person, {}), administers=administers)
            for person in persons
        ]
        return {"status": "ok", "people": sorted(rows, key=lambda row: (row["display_name"], row["person"]))}

    def _reading(self, actor: Actor, address: Address) -> Picture:
        """The picture, for a sender who may read in the asking watch."""
        if actor.key != address.key:
            raise Refusal("WRONG_SENDER")
        picture = self._means.picture(address.mode)
        refuse(check(actor, (*READ, *ADMINISTER), "read", picture.directory, clock()))
        return picture


def _row(
    picture: Picture, person: str, watch: str, contact: dict[str, Any], *, administers: bool
) -> dict[str, Any]:
    own = picture.register.homes.get(person) == watch.partition(".")[0]
    roles = [
        granted.model_dump(mode="json", include={"role", "where", "until"})
        for granted in rules.roles_of(picture.directory, person, watch)
    ]
    row = {"person": person, "display_name": contact.get("display_name", ""), "own": own, "roles": roles}
    if administers and own:
        row |= {key: contact[key] for key in ("email", "phone") if key in contact}
    return row
