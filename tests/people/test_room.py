"""The room people behind a real broker: names apart from facts, roles, sign-in, tokens, and forgetting."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.envelope import Accepted
from schemas.identifiers import new_id
from schemas.people import (
    AddPerson,
    Contact,
    Forget,
    Forgotten,
    Grant,
    IssueToken,
    MakeLink,
    Revoke,
    RevokeSessions,
    RevokeToken,
    SignIn,
    SignOut,
)
from schemas.vocabulary import Role
from schemas.watch import Established
from services.people.app import build
from services.runtime import names
from tests.caller import Caller, Office, office
from tests.hub import Hub

KEY, NEIGHBOUR = "4601.vaktsentral", "4624.main"
KARI = Contact(display_name="Kari Nordmann-Fjellvåg", email="kari.nordmann@example.org", phone="+4790000001")
MARRIED = Contact(display_name="Kari Solbakkhaugen", phone="+4790000002")
NOW = datetime.now(UTC)


@pytest.fixture
async def hub(fresh_broker: Hub) -> AsyncIterator[Office]:
    """The room serves; Vaktsentralen has a leader and an operator, the neighbour has a leader."""
    async with office(fresh_broker, build) as found:
        for key in (KEY, NEIGHBOUR):
            body = Established(watch=key, code="V", title="A watch", posts=["duty"])
            for mode in ("actual", "exercise"):
                await found.put_fact(names.WATCH_LEDGER, key, key.partition(".")[2], body, mode)
        await found.start()
        for person, role, where in (("lead", Role.LEADER, KEY), ("nina", Role.LEADER, NEIGHBOUR)):
            await staff(found, person, role, where)
        yield found


async def staff(hub: Office, person: str, role: Role, where: str, mode: str = "actual") -> None:
    centre = await hub.caller(f"{where.partition('.')[0]}.centre")
    await centre.accepted(AddPerson(person=person), Contact(display_name=f"Name of {person}"), mode=mode)
    await centre.accepted(Grant(person=person, role=role, where=where), mode=mode)


async def signed_in(lead: Caller, person: str) -> Accepted:
    link = await lead.accepted(MakeLink(person=person))
    return await lead.by(None).accepted(SignIn(secret=link.result["secret"]))


def files_with(home: Path, word: str) -> list[str]:
    """Every file under the home that holds the bytes of a word."""
    wanted = word.encode()
    return [str(path) for path in home.rglob("*") if path.is_file() and wanted in path.read_bytes()]


async def test_a_name_lies_in_the_bucket_only_and_leaves_no_byte_when_it_changes_or_is_forgotten(
    hub: Office,
) -> None:
    lead, home = await hub.caller(KEY, "lead"), hub.hub.settings.home
    await lead.accepted(AddPerson(person="kari"), KARI)
    holding = files_with(home, KARI.display_name)
    assert holding
    assert all(f"KV_{names.PEOPLE}" in path for path in holding)
    await lead.accepted(AddPerson(person="kari"), MARRIED)
    for word in (KARI.display_name, str(KARI.email), str(KARI.phone)):
        assert files_with(home, word) == []
    assert files_with(home, MARRIED.display_name)
    await lead.accepted(Forget(person="kari"))
    for word in (MARRIED.display_name, str(MARRIED.phone)):
        assert files_with(home, word) == []
    stored = [fact.encode() for fact, _ in await hub.facts(names.PEOPLE_LEDGER, "kari")]
    assert len(stored) == 3
    assert await lead.refused(AddPerson(person="kari"), KARI) == "UNKNOWN_PERSON"
    await hub.stop()
    await hub.start()
    assert (await lead.ask("people", "names", persons=["kari"]))["names"] == {}


async def test_an_older_copy_of_the_bucket_does_not_bring_a_forgotten_person_back(hub: Office) -> None:
    lead, home = await hub.caller(KEY, "lead"), hub.hub.settings.home
    await lead.accepted(AddPerson(person="kari"), KARI)
    await lead.accepted(Forget(person="kari"))
    await hub.stop()
    writer = await hub.connection(names.PEOPLE_WRITER)
    await writer.jetstream().publish(f"$KV.{names.PEOPLE}.kari", KARI.model_dump_json().encode())
    assert files_with(home, KARI.display_name)
    await hub.start()
    assert files_with(home, KARI.display_name) == []


async def test_a_forgetting_that_was_cut_short_is_finished_at_the_next_start(hub: Office) -> None:
    lead, home = await hub.caller(KEY, "lead"), hub.hub.settings.home
    await lead.accepted(AddPerson(person="kari"), KARI)
    await hub.stop()
    await hub.put_fact(names.PEOPLE_LEDGER, KEY, "kari", Forgotten(person="kari"))
    assert files_with(home, KARI.display_name)
    await hub.start()
    assert files_with(home, KARI.display_name) == []


async def test_a_late_resend_does_not_bring_an_older_contact_back(hub: Office) -> None:
    lead, id = await hub.caller(KEY, "lead"), new_id()
    first = await lead.accepted(AddPerson(person="kari"), KARI, id=id)
    await lead.accepted(AddPerson(person="kari"), MARRIED)
    assert await lead.accepted(AddPerson(person="kari"), KARI, id=id) == first
    assert (await lead.ask("people", "names", persons=["kari"]))["names"] == {"kari": MARRIED.display_name}
    assert len(await hub.facts(names.PEOPLE_LEDGER, "kari")) == 2


async def test_an_exercise_cannot_change_or_forget_a_real_person(hub: Office) -> None:
    lead = await hub.caller(KEY, "lead")
    await staff(hub, "lead", Role.LEADER, KEY, "exercise")
    await lead.accepted(AddPerson(person="kari"), KARI)
    await lead.accepted(AddPerson(person="kari"), KARI, mode="exercise")
    assert await lead.refused(AddPerson(person="kari"), MARRIED, mode="exercise") == "NOT_ALLOWED"
    assert await lead.refused(Forget(person="kari"), mode="exercise") == "NOT_ALLOWED"
    link = await lead.accepted(MakeLink(person="kari"), mode="exercise")
    assert await lead.refused(SignIn(secret=link.result["secret"])) == "LINK_SPENT"


async def test_roles_are_given_and_taken_within_what_one_leads(hub: Office) -> None:
    lead, neighbour = await hub.caller(KEY, "lead"), await hub.caller(NEIGHBOUR, "nina")
    await lead.accepted(AddPerson(person="ola"), Contact(display_name="Ola"))
    role = {"person": "ola", "role": Role.OPERATOR}
    await lead.accepted(Grant.model_validate(role | {"where": KEY}))
    assert await lead.refused(Grant.model_validate(role | {"where": "4601"})) == "NOT_ALLOWED"
    assert await lead.refused(Grant.model_validate(role | {"where": NEIGHBOUR})) == "NOT_ALLOWED"
    assert await lead.by("ola").refused(Grant.model_validate(role | {"where": KEY})) == "NOT_ALLOWED"
    assert await lead.refused(Grant(person="who", role=Role.READER, where=KEY)) == "UNKNOWN_PERSON"
    past = NOW - timedelta(days=1)
    assert await lead.refused(Grant(person="ola", role=Role.READER, where=KEY, until=past)) == "BAD_PERIOD"
    assert await neighbour.refused(AddPerson(person="ola"), KARI) == "ID_TAKEN"
    assert await neighbour.refused(MakeLink(person="ola")) == "UNKNOWN_PERSON"
    assert await neighbour.refused(Forget(person="ola")) == "UNKNOWN_PERSON"
    assert (await lead.by("ola").ask("people", "names", persons=["ola"]))["names"] == {"ola": "Ola"}
    await lead.accepted(Revoke(person="ola", role=Role.OPERATOR, where=KEY))
    assert (await lead.by("ola").ask("people", "names", persons=["ola"]))["code"] == "NOT_ALLOWED"


async def test_the_leader_of_one_watch_cannot_act_as_or_reach_for_the_people_of_another(hub: Office) -> None:
    await staff(hub, "hidden", Role.OPERATOR, "4601.barnevern")
    await staff(hub, "both", Role.OPERATOR, KEY)
    await staff(hub, "both", Role.OPERATOR, "4601.barnevern")
    lead = await hub.caller(KEY, "lead")
    for person in ("hidden", "both"):
        for request in (MakeLink(person=person), RevokeSessions(person=person), Forget(person=person)):
            assert await lead.refused(request) == "NOT_ALLOWED"
        assert await lead.refused(AddPerson(person=person), KARI) == "NOT_ALLOWED"
    await staff(hub, "ops", Role.OPS, "4601")
    await staff(hub, "vern", Role.DPO, "4601")
    await lead.by("ops").accepted(MakeLink(person="hidden"))
    await lead.by("ops").accepted(AddPerson(person="hidden"), KARI)
    assert await lead.by("vern").refused(MakeLink(person="hidden")) == "NOT_ALLOWED"
    await lead.by("vern").accepted(Forget(person="hidden"))


async def test_an_exercise_is_no_way_to_guess_at_a_neighbours_contacts(hub: Office) -> None:
    lead = await hub.caller(KEY, "lead")
    await lead.accepted(AddPerson(person="kari"), KARI)
    await staff(hub, "nina", Role.LEADER, NEIGHBOUR, mode="exercise")
    neighbour = await hub.caller(NEIGHBOUR, "nina")
    for guess in (KARI, MARRIED):
        assert await neighbour.refused(AddPerson(person="kari"), guess, mode="exercise") == "ID_TAKEN"


async def test_names_stay_in_the_organisation_and_with_the_hosts_of_a_guest(hub: Office) -> None:
    lead, neighbour = await hub.caller(KEY, "lead"), await hub.caller(NEIGHBOUR, "nina")
    await lead.accepted(AddPerson(person="kari"), KARI)
    asked = ["kari", "lead", "nobody"]
    found = await lead.ask("people", "names", persons=asked)
    assert found["names"] == {"kari": KARI.display_name, "lead": "Name of lead"}
    assert (await neighbour.ask("people", "names", persons=asked))["names"] == {}
    await neighbour.accepted(Grant(person="kari", role=Role.READER, where=NEIGHBOUR))
    assert (await neighbour.ask("people", "names", persons=asked))["names"] == {"kari": KARI.display_name}
    own = {row["person"]: row for row in (await lead.ask("people", "list"))["people"]}
    assert own["kari"]["phone"] == KARI.phone
    assert own["lead"]["roles"] == [{"role": "leader", "where": KEY, "until": None}]
    guests = {row["person"]: row for row in (await neighbour.ask("people", "list"))["people"]}
    assert set(guests) == {"nina", "kari"}
    assert "phone" not in guests["kari"]
    assert (await lead.by(None).ask("people", "list"))["code"] == "PERSON_NEEDED"


async def test_a_link_signs_one_session_in_and_a_retry_gets_the_same(hub: Office) -> None:
    lead, make, use = await hub.caller(KEY, "lead"), new_id(), new_id()
    link = await lead.accepted(MakeLink(person="lead"), id=make)
    assert (await lead.accepted(MakeLink(person="lead"), id=make)).result == link.result
    secret = link.result["secret"]
    assert link.result["path"] == f"/sign-in/{secret}"
    anybody = (await hub.caller(NEIGHBOUR)).by(None)
    signed = await anybody.accepted(SignIn(secret=secret), id=use)
    assert await anybody.accepted(SignIn(secret=secret), id=use) == signed
    assert await anybody.refused(SignIn(secret=secret)) == "LINK_SPENT"
    assert await anybody.refused(SignIn(secret=signed.result["secret"])) == "LINK_SPENT"
    found = await anybody.ask("people", "session", secret=signed.result["secret"])
    assert found == {"status": "ok"} | {key: signed.result[key] for key in ("person", "until", "csrf")}
    assert len([fact for fact, _ in await hub.facts(names.PEOPLE_LEDGER, "lead")]) == 3


async def test_nobody_else_gets_a_links_secret_by_sending_the_same_command_id(hub: Office) -> None:
    lead, neighbour, id = await hub.caller(KEY, "lead"), await hub.caller(NEIGHBOUR, "nina"), new_id()
    await staff(hub, "second", Role.LEADER, KEY)
    await lead.accepted(AddPerson(person="kari"), KARI)
    await lead.accepted(MakeLink(person="kari"), id=id)
    assert await neighbour.refused(MakeLink(person="kari"), id=id) == "ID_TAKEN"
    assert await lead.by("second").refused(MakeLink(person="kari"), id=id) == "ID_TAKEN"


async def test_of_two_who_use_a_link_at_once_one_gets_in(hub: Office) -> None:
    lead = await hub.caller(KEY, "lead")
    secret = (await lead.accepted(MakeLink(person="lead"))).result["secret"]
    answers = await asyncio.gather(*(lead.send(SignIn(secret=secret)) for _ in range(8)))
    assert [type(answer).__name__ for answer in answers].count("Accepted") == 1


async def test_sessions_end_by_sign_out_lockout_and_forgetting(hub: Office) -> None:
    lead = await hub.caller(KEY, "lead")
    await lead.accepted(AddPerson(person="kari"), KARI)
    ends: list[Callable[[str], Awaitable[Accepted]]] = [
        lambda secret: lead.by(None).accepted(SignOut(secret=secret)),
        lambda _: lead.accepted(RevokeSessions(person="kari")),
        lambda _: lead.accepted(Forget(person="kari")),
    ]
    for end in ends:
        secret = (await signed_in(lead, "kari")).result["secret"]
        assert (await lead.ask("people", "session", secret=secret))["person"] == "kari"
        await end(secret)
        assert (await lead.ask("people", "session", secret=secret))["code"] == "SESSION_ENDED"


async def test_a_machine_token_holds_until_it_is_replaced_or_revoked(hub: Office) -> None:
    lead, id = await hub.caller(KEY, "lead"), new_id()
    issue = IssueToken(machine="pump", where=KEY, scope=["report"], until=NOW + timedelta(days=30))
    first = await lead.accepted(issue, id=id)
    assert (await lead.accepted(issue, id=id)).result == first.result
    found = await lead.ask("people", "token", secret=first.result["secret"])
    assert (found["machine"], found["where"], found["scope"]) == ("pump", KEY, ["report"])
    second = await lead.accepted(issue)
    assert (await lead.ask("people", "token", secret=first.result["secret"]))["code"] == "TOKEN_ENDED"
    neighbour = await hub.caller(NEIGHBOUR, "nina")
    assert await neighbour.refused(RevokeToken(machine="pump")) == "TOKEN_ENDED"
    await lead.accepted(RevokeToken(machine="pump"))
    assert (await lead.ask("people", "token", secret=second.result["secret"]))["code"] == "TOKEN_ENDED"
    past = IssueToken(machine="old", where=KEY, scope=["report"], until=NOW - timedelta(days=1))
    assert await lead.refused(past) == "BAD_PERIOD"
    wide = IssueToken(machine="wide", where="4601", scope=["report"], until=NOW + timedelta(days=1))
    assert await lead.refused(wide) == "NOT_ALLOWED"


async def test_no_secret_lies_anywhere_under_the_home(hub: Office) -> None:
    lead = await hub.caller(KEY, "lead")
    link = await lead.accepted(MakeLink(person="lead"))
    session = await lead.by(None).accepted(SignIn(secret=link.result["secret"]))
    end = NOW + timedelta(days=1)
    token = await lead.accepted(IssueToken(machine="pump", where=KEY, scope=["report"], until=end))
    for made in (link, session, token):
        assert files_with(hub.hub.settings.home, made.result["secret"]) == []
