"""What a watch is shown of incidents that hang together, and of what it may not see of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import incidents, relations, watch
from schemas.vocabulary import EntryKind, IncidentState, Level, Tag
from tests.incidents.make import OWNER as VAKT
from tests.incidents.make import Made, opened
from tests.incidents.room import Office

BARN, AUST = "4601.barnevern", "4624.main"


@pytest.fixture
async def here(here: Office) -> Office:
    await here.write(
        Made(
            watch.Established(watch=BARN, code="BV", title="BV", posts=["duty"], hidden=True),
            about="BV",
            owner=BARN,
        )
    )
    return here


def pair(one: Made, other: Made) -> dict[str, str]:
    return {"incident": one.about, "owner": one.owner, "other": other.about, "other_owner": other.owner}


def merged(double: Made, into: Made) -> Made:
    body = relations.Merged(**pair(double, into), former=IncidentState.IN_PROGRESS)
    return Made(body, about=double.about, owner=double.owner)


def unmerged(double: Made, into: Made) -> Made:
    body = relations.Unmerged(**pair(double, into), state=IncidentState.IN_PROGRESS)
    return Made(body, about=double.about, owner=double.owner)


def under(child: Made, parent: Made) -> Made:
    body = relations.ParentSet(
        incident=child.about, owner=child.owner, parent=parent.about, parent_owner=parent.owner
    )
    return Made(body, about=child.about, owner=child.owner)


def entry(about: Made, text: str, level: Level = Level.WATCH) -> Made:
    body = incidents.EntryAdded(incident=about.about, kind=EntryKind.INFORMATION, level=level)
    return Made(body, about=about.about, owner=about.owner, content={"text": text})


def ref(made: Made) -> str:
    return str(made.fact.data.body["ref"])


def refs(heads: list[dict[str, Any]]) -> set[str]:
    return {str(head["ref"]) for head in heads}


async def test_a_duplicate_is_answered_by_what_it_was_merged_into_until_it_is_unmerged(here: Office) -> None:
    double, whole = opened("Vann i Sandviken"), opened("Brudd i Sandviken")
    await here.write(double, whole, entry(double, "fra naboen"), entry(whole, "stengt"))
    before = await here.get(VAKT, ref=ref(double))
    await here.write(merged(double, whole), entry(double, "ny melding"))
    answer = await here.get(VAKT, ref=ref(double))
    assert (answer["incident"]["ref"], answer["incident"]["instead_of"]) == (ref(whole), double.about)
    assert refs(answer["incident"]["merged"]) == {ref(double)}
    texts = [(one["content"] or {}).get("text") for one in answer["entries"]]
    assert texts == ["fra naboen", "stengt", None, "ny melding"]
    (line,) = [one for one in answer["entries"] if one.get("event") == "merged"]
    assert (line["of"]["ref"], line["detail"]) == (ref(double), {"into": ref(whole)})
    listed = (await here.ask(VAKT, "list", state="all"))["incidents"]
    assert refs(listed) == {ref(whole)}
    await here.write(unmerged(double, whole))
    after = await here.get(VAKT, ref=ref(double))
    assert after["incident"] | {"state": "new"} == before["incident"]
    assert after["incident"]["state"] == "in_progress"
    assert (await here.get(VAKT, ref=ref(whole)))["incident"]["merged"] == []


async def test_who_may_not_see_the_other_learns_no_more_than_that_the_duplicate_is_closed(
    here: Office,
) -> None:
    double, secret = opened(level=Level.ORGANISATION), opened(owner=BARN)
    await here.write(double, secret, merged(double, secret), under(secret, double))
    answer = await here.get(VAKT, ref=ref(double))
    assert answer["incident"]["state"] == "closed"
    assert answer["incident"]["children"] == []
    assert [line.get("event") for line in answer["entries"]] == [None]
    assert secret.about not in str(answer)
    assert ref(secret) not in str(answer)
    closed = (await here.ask(VAKT, "list", state="closed"))["incidents"]
    assert refs(closed) == {ref(double)}


async def test_parents_children_and_links_are_shown_to_who_sees_both(here: Office) -> None:
    parent = opened(level=Level.NAMED, named=["4624"])
    child, secret = opened(), opened(owner=BARN)
    linked = Made(relations.Linked(**pair(child, parent)), about=child.about)
    await here.write(parent, child, secret, under(child, parent), under(secret, parent), linked)
    own = (await here.get(VAKT, ref=ref(parent)))["incident"]
    assert (refs(own["children"]), refs(own["links"])) == ({ref(child)}, {ref(child)})
    assert (await here.get(VAKT, ref=ref(child)))["incident"]["parent"]["ref"] == ref(parent)
    neighbour = (await here.get(AUST, ref=ref(parent)))["incident"]
    assert (neighbour["children"], neighbour["links"], neighbour["parent"]) == ([], [], None)


async def test_a_broken_glass_lets_one_watch_see_one_item_until_its_end(here: Office) -> None:
    one = opened(level=Level.ORGANISATION, tags=[Tag.PERSON])
    until = datetime.now(UTC) + timedelta(hours=1)
    glass = relations.GlassBroken(entry="head", to=AUST, ground="hpl-31", until=until)
    await here.write(one, entry(one, "internt"), Made(glass, about=one.about, content={"text": "fare"}))
    seen = await here.get(AUST, ref=ref(one), reason="urgent")
    assert seen["incident"]["content"]["headline"] == "Flom i Storgata"
    assert seen["entries"] == []
    own = (await here.get(VAKT, ref=ref(one)))["entries"][-1]
    assert (own["event"], own["content"], own["detail"]["to"]) == ("glass_broken", {"text": "fare"}, AUST)
    assert refs((await here.ask(AUST, "list"))["incidents"]) == {ref(one)}
    two = opened(level=Level.ORGANISATION, tags=[Tag.PERSON])
    over = glass.model_copy(update={"until": datetime.now(UTC) - timedelta(seconds=1)})
    await here.write(two, Made(over, about=two.about))
    assert (await here.get(AUST, ref=ref(two)))["code"] == "UNKNOWN_INCIDENT"
    assert refs((await here.ask(AUST, "list"))["incidents"]) == {ref(one)}


async def test_a_likely_duplicate_is_of_the_same_type_near_in_space_and_time(here: Office) -> None:
    near = opened()
    await here.write(near)
    found = await here.ask(VAKT, "similar", type="flood", municipalities=["4601"])
    assert refs(found["incidents"]) == {ref(near)}
    assert (await here.ask(VAKT, "similar", type="fire", municipalities=["4601"]))["incidents"] == []
    assert (await here.ask(VAKT, "similar", type="flood", municipalities=["4627"]))["incidents"] == []
    assert (await here.ask(AUST, "similar", type="flood", municipalities=["4601"]))["incidents"] == []
    then = (datetime.now(UTC) - timedelta(hours=7)).isoformat()
    long_ago = await here.ask(VAKT, "similar", type="flood", municipalities=["4601"], occurred_at=then)
    assert long_ago["incidents"] == []
    place = Made(relations.PlaceChanged(), about=near.about, content={"position": "60.3913,5.3221"})
    await here.write(place)
    for position, expected in (("60.3990,5.3221", {ref(near)}), ("60.4030,5.3221", set())):
        asked = await here.ask(VAKT, "similar", type="flood", position=position, municipalities=["4601"])
        assert refs(asked["incidents"]) == expected
    head = (await here.get(VAKT, ref=ref(near)))["incident"]
    assert head["location"]["position"] == "60.3913,5.3221"


async def test_an_incident_is_found_by_its_case_number_where_the_number_may_be_seen(here: Office) -> None:
    one = opened(level=Level.ORGANISATION)
    body = relations.Referenced(system="110", level=Level.WATCH)
    number = Made(body, about=one.about, content={"reference": "2027 0042-A"})
    await here.write(one, number)
    found = await here.ask(VAKT, "case", system="110", number="20270042-a")
    assert [head["ref"] for head in found["incidents"]] == [ref(one)]
    assert found["incidents"][0]["references"][0]["number"] == "2027 0042-A"
    assert (await here.ask(BARN, "case", system="110", number="20270042-a"))["incidents"] == []
    erased = incidents.Erased(fact=number.id, ground="gdpr-17", law="GDPR 17", asked_by="p1")
    await here.write(Made(erased, about=one.about))
    assert (await here.ask(VAKT, "case", system="110", number="20270042-a"))["incidents"] == []


async def test_functions_are_shown_with_the_head_but_persons_to_the_house_only(here: Office) -> None:
    one = opened(level=Level.NAMED, named=["4624"])
    leader = Made(relations.FunctionAssigned(function="incident.commander", person="p1"), about=one.about)
    liaison = relations.FunctionAssigned(function="liaison")
    named = Made(liaison, about=one.about, content={"text": "Vakthavende, bane"})
    ended = Made(relations.FunctionEnded(assignment=leader.id), about=one.about)
    apart = Made(relations.FunctionAssigned(function="liaison", watch=BARN), about=one.about)
    await here.write(one, leader, named, ended)
    own = (await here.get(VAKT, ref=ref(one)))["incident"]["functions"]
    assert [(f["function"], f["person"], f["name"], f["until"] is None) for f in own] == [
        ("incident.commander", "p1", None, False),
        ("liaison", None, "Vakthavende, bane", True),
    ]
    neighbour = (await here.get(AUST, ref=ref(one)))["incident"]["functions"]
    assert [f["person"] for f in neighbour] == [None, None]
    await here.write(apart)
    told = await here.get(AUST, ref=ref(one))
    assert BARN not in str(told), "a hidden watch is not named elsewhere"
    assert (await here.get(VAKT, ref=ref(one)))["incident"]["functions"][-1]["watch"] == BARN
