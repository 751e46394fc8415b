"""Retention: who may order it, what it erases when, and what stops it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas import incidents, people, records, watch
from schemas.directory import Directory
from schemas.envelope import Actor, Refused
from schemas.identifiers import new_id
from schemas.sharing import Reach
from schemas.vocabulary import Authentication, EntryKind, IncidentState, Level, Role, Tag
from services.incidents import retaining
from services.incidents.fold import Incident, Item, Log
from services.incidents.kept_fold import Order
from services.incidents.limits import Case
from services.incidents.retention import Retention
from services.incidents.terms_kept import due, due_deliveries, order_for
from services.incidents.verdict import Decided
from services.runtime import names
from tests.incidents.make import Made, opened
from tests.incidents.room import Office

VAKT, BARN = "4601.vaktsentral", "4601.barnevern"
NOW = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)
TAGS = [Tag.PERSON, Tag.VULNERABILITY, Tag.HEALTH]


def _directory() -> Directory:
    directory = Directory()
    for key, hidden in ((VAKT, False), (BARN, True)):
        code = key.partition(".")[2]
        directory.apply(watch.Established(watch=key, code=code, title=code, posts=["duty"], hidden=hidden))
    for person, role, where in (
        ("owner", Role.ARCHIVE_OWNER, "4601"),
        ("dpo", Role.DPO, "4601"),
        ("operator", Role.OPERATOR, "4601"),
    ):
        directory.apply(people.Granted(person=person, role=role, where=where))
    return directory


def _case(request: Any, person: str, log: Log | None = None, key: str = VAKT) -> Case[Any]:
    org, _, code = key.partition(".")
    proof = Authentication.SESSION
    actor = Actor(person=person, organisation=org, watch=code, via="test", authentication=proof)
    return Case(actor, request, None, log or Log(request.order), _directory(), NOW)


def _ordered(by: str = "owner", where: str = "4601", **more: Any) -> Log:
    log = Log("o1")
    part = log.parts.setdefault(VAKT, Incident("o1", VAKT))
    said = records.RetentionOrdered(where=where, days=more.pop("days", 30), law="gdpr-5-1-e", **more)
    part.order = Order("o1", VAKT, said, by)
    return log


def _order(where: str, days: int, tag: Tag | None = None, **more: Any) -> Order:
    said = records.RetentionOrdered(where=where, days=days, tag=tag, law="x")
    return Order(new_id(), VAKT, said, "owner", **({"approved_by": "dpo"} | more))


def _item(*tags: Tag, **more: Any) -> Item:
    fields = {"commitment": "c", **more}
    return Item(new_id(), "entry", Reach(VAKT, Level.WATCH), VAKT, tags, **fields)


def test_an_order_takes_the_archive_owner_and_another_person() -> None:
    request = records.OrderRetention(order="o1", where="4601", days=30, law="gdpr-5-1-e")
    assert isinstance(retaining.order_retention(_case(request, "owner")), Decided)
    for person in ("dpo", "operator"):
        refused = retaining.order_retention(_case(request, person))
        assert isinstance(refused, Refused)
        assert refused.code == "NOT_ALLOWED"
    approve = records.ApproveRetention(order="o1")
    alone = retaining.approve_retention(_case(approve, "owner", _ordered()))
    assert alone == Refused(code="SECOND_PERSON_NEEDED")
    assert isinstance(retaining.approve_retention(_case(approve, "dpo", _ordered())), Decided)


def test_a_role_in_the_whole_house_neither_orders_nor_finds_anything_in_a_hidden_watch() -> None:
    request = records.OrderRetention(order="o1", where=BARN, days=30, law="gdpr-5-1-e")
    refused = retaining.order_retention(_case(request, "owner"))
    assert isinstance(refused, Refused)
    assert refused.code == "NOT_ALLOWED"
    approve = records.ApproveRetention(order="o1")
    hidden = retaining.approve_retention(_case(approve, "dpo", _ordered(where=BARN)))
    assert hidden == retaining.approve_retention(_case(approve, "dpo")) == Refused(code="UNKNOWN_ORDER")


def _centre(where: str) -> Actor:
    return Actor(
        machine="centre",
        organisation=where.partition(".")[0],
        watch="centre",
        via="cli",
        authentication=Authentication.SERVICE,
    )


def test_the_centre_file_proposes_and_two_persons_still_decide() -> None:
    request = records.OrderRetention(order="o1", where="4601", days=30, law="gdpr-5-1-e")
    proposal = replace(_case(request, "owner"), actor=_centre("4601"))
    assert isinstance(retaining.order_retention(proposal), Decided)
    elsewhere = replace(proposal, actor=_centre("4624"))
    assert retaining.order_retention(elsewhere) == Refused(
        code="NOT_ALLOWED", parameters={"act": "retention_order"}
    )
    log = _ordered(by="")
    approve, adopt = records.ApproveRetention(order="o1"), records.AdoptRetention(order="o1")
    for person in ("owner", "dpo"):
        assert retaining.approve_retention(_case(approve, person, log)) == Refused(code="ORDER_PROPOSED")
    refused = retaining.adopt_retention(_case(adopt, "dpo", log))
    assert refused == Refused(code="NOT_ALLOWED", parameters={"act": "retention_adopt"})
    taken = replace(_case(adopt, "owner", log), actor=_centre("4601"))
    assert isinstance(retaining.adopt_retention(taken), Refused), "the file does not adopt its own proposal"
    assert isinstance(retaining.adopt_retention(_case(adopt, "owner", log)), Decided)
    assert retaining.adopt_retention(_case(adopt, "owner", _ordered())) == Refused(code="SAME_STATE")


@given(
    tags=st.lists(st.sampled_from(TAGS), unique=True, max_size=3),
    orders=st.lists(
        st.tuples(
            st.sampled_from(["4601", VAKT, "4624"]), st.integers(1, 400), st.none() | st.sampled_from(TAGS)
        ),
        max_size=6,
    ),
)
def test_the_narrowest_order_holds_and_a_hidden_watch_obeys_its_own_alone(
    tags: list[Tag], orders: list[tuple[str, int, Tag | None]]
) -> None:
    given_orders = [_order(*one) for one in orders]
    found = order_for(given_orders, VAKT, tags, hidden=False)
    own = [one for one in given_orders if one.said.where == VAKT and one.tag in (None, *tags)]
    if own:
        assert found is not None
        assert found.said.where == VAKT
        tagged = [one for one in own if one.tag is not None]
        assert found.said.days == min(one.said.days for one in tagged or own)
    hidden = order_for(given_orders, VAKT, tags, hidden=True)
    assert hidden is None or hidden.said.where == VAKT


@given(days=st.integers(1, 400), age=st.integers(0, 500), held=st.booleans(), is_open=st.booleans())
def test_words_go_when_their_time_is_over_and_never_while_open_or_held(
    days: int, age: int, held: bool, is_open: bool
) -> None:
    kept, gone = _item(), _item(erased=True)
    incident = Incident("i", VAKT, items={kept.id: kept, gone.id: gone}, held="court" if held else None)
    closed_at = None if is_open else NOW - timedelta(days=age)
    found = list(due(incident, [_order("4601", days)], closed_at, NOW, hidden=False))
    assert [one.item for one in found] == ([kept.id] if age >= days and not held and not is_open else [])


def test_an_order_that_waits_or_is_ended_erases_nothing() -> None:
    waiting, ended = _order("4601", 1, approved_by=None), _order("4601", 1, is_ended=True)
    assert order_for([waiting, ended], VAKT, [], hidden=False) is None


def _deliveries(where: str, days: int) -> Order:
    said = records.DeliveryTermOrdered(where=where, days=days, law="x")
    return Order(new_id(), VAKT, said, "owner", approved_by="dpo")


@given(
    days=st.integers(30, 400),
    closed=st.integers(0, 500),
    last=st.integers(0, 500),
    held=st.booleans(),
    gone=st.booleans(),
)
def test_deliveries_go_so_long_after_closing_and_after_the_last_word_and_once_only(
    days: int, closed: int, last: int, held: bool, gone: bool
) -> None:
    incident = Incident("i", VAKT, sequence=7, held="court" if held else None)
    incident.recorded_at, incident.deliveries_erased = NOW - timedelta(days=last), 7 if gone else 0
    orders = [_deliveries("4601", days), _order("4601", 1)]
    closed_at = NOW - timedelta(days=closed)
    found = due_deliveries(incident, orders, closed_at, NOW, hidden=False)
    assert (found is not None) == (min(closed, last) >= days and not held and not gone)
    assert due_deliveries(incident, orders, None, NOW, hidden=False) is None
    assert due_deliveries(incident, orders, closed_at, NOW, hidden=True) is None


def test_an_order_of_deliveries_touches_no_words_and_one_of_words_no_deliveries() -> None:
    assert order_for([_deliveries("4601", 30)], VAKT, [], hidden=False) is None
    assert order_for([_order("4601", 1)], VAKT, [], hidden=False, of_deliveries=True) is None


async def test_each_night_erases_what_is_due_and_a_hold_keeps_an_incident_whole(here: Office) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=90)
    passed, held, young = (opened(f"Sak {n}", at=long_ago) for n in range(3))
    closing = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    entry = incidents.EntryAdded(incident=passed.about, kind=EntryKind.INFORMATION, level=Level.WATCH)
    said = records.RetentionOrdered(where="4601", days=30, law="gdpr-5-1-e")
    await here.write(
        passed,
        held,
        young,
        Made(entry, about=passed.about, at=long_ago, content={"text": "navn"}),
        Made(closing, about=passed.about, at=long_ago),
        Made(closing, about=held.about, at=long_ago),
        Made(closing, about=young.about),
        Made(records.HoldPlaced(ground="court_case"), about=held.about),
        Made(said, about="order-1", person="owner"),
        Made(people.Granted(person="dpo", role=Role.DPO, where="4601")),
    )
    retention = here.archive._retention
    assert isinstance(retention, Retention)
    nc = await here.client(names.RETENTION)
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 0, "nobody has approved"
    last = await here.write(Made(records.RetentionApproved(), about="order-1", person="dpo"))
    preview = await here.ask(VAKT, "retention", person="dpo")
    assert [one["ref"] for one in preview["due"]] == [passed.fact.data.body["ref"]] * 2
    assert (await here.ask(VAKT, "retention"))["code"] == "NOT_ALLOWED"
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 2
    await here.reached(last + 2)
    shown = await here.get(VAKT, id=passed.about, reason="archive")
    assert (shown["incident"]["erased"], shown["incident"]["content"]) == (True, None)
    assert [one["erased"] for one in shown["entries"] if one["kind"] == "information"] == [True]
    for kept in (held, young):
        assert (await here.get(VAKT, id=kept.about))["incident"]["content"] is not None
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 0, "a second run finds nothing"


async def test_each_night_forgets_who_was_sent_what_when_its_term_is_over(here: Office) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=90)
    passed, held, young = (opened(f"Sak {n}", at=long_ago) for n in range(3))
    closing = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    said = records.DeliveryTermOrdered(where="4601", days=30, law="gdpr-5-1-e")
    last = await here.write(
        *(passed, held, young),
        *(Made(closing, about=one.about, at=long_ago) for one in (passed, held)),
        Made(closing, about=young.about),
        Made(records.HoldPlaced(ground="court_case"), about=held.about, at=long_ago),
        Made(said, about="order-1", person="owner"),
        Made(records.RetentionApproved(), about="order-1", person="dpo"),
        Made(people.Granted(person="dpo", role=Role.DPO, where="4601")),
    )
    preview = await here.ask(VAKT, "retention", person="dpo")
    assert [(one["of"], one["incident"]) for one in preview["due"]] == [("deliveries", passed.about)]
    assert [(one["of"], one["state"]) for one in preview["orders"]] == [("deliveries", "in_force")]
    retention = here.archive._retention
    assert isinstance(retention, Retention)
    nc = await here.client(names.RETENTION)
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 1
    await here.reached(last + 1)
    (fact,) = [row for row in here.archive._store.facts("actual", last).__next__()]  # type: ignore[union-attr]
    body = orjson.loads(bytes(fact["raw"]))["data"]["body"]
    assert (fact["about"], body["order"], body["asked_by"]) == (passed.about, "order-1", "owner")
    assert await retention.erase(nc, "actual", datetime.now(UTC)) == 0, "a second run finds nothing"
    assert (await here.get(VAKT, id=passed.about, reason="archive"))["incident"]["content"] is not None
