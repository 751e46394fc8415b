"""Who has which rows, on both databases: nothing too much, nothing lost, positions without gaps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from schemas import incidents, notifications, reports, warnings
from schemas.envelope import Body
from schemas.identifiers import new_id
from schemas.vocabulary import IncidentState, Level
from services.feeds.store import Fresh, Page, Store
from services.feeds.wording import as_item
from services.runtime.database import CursorMoved, open_database
from services.runtime.settings import Settings
from tests.feeds.facts import (
    BARNEVERN,
    NEIGHBOUR,
    VAKT,
    Line,
    agreement,
    approval,
    centre,
    entry,
    following,
    opening,
    recalling,
    setting,
    subscribed,
)
from tests.incidents.make import Made

NOW = datetime.now(UTC)
LAW = {"ground": "wrong_person", "law": "gdpr-17-1-d"}
EVERYBODY = ("4601", "4624", "110-vest", "nett", "5001")


class Feeds:
    """A store with a ledger of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.fresh: list[Fresh] = []
        self.store = Store(engine, self.fresh.append)
        self.line = Line()
        self.take(*(setting(about, body) for about, body in centre()))

    def take(self, *made: Made, epoch: int = 1) -> None:
        self.store.apply("actual", epoch, self.line.messages(*made))

    def page(self, org: str, after: int = 0) -> Page:
        return self.store.page("actual", org, after, 200)

    def kinds(self, org: str) -> list[str]:
        return [entry.kind for entry in self.page(org).entries]

    def shown(self, org: str) -> list[dict[str, object]]:
        directory = self.store.directory("actual")
        return [
            as_item(entry, "actual", "e", None, directory, datetime.now(UTC), b"secret")
            for entry in self.page(org).entries
        ]


@pytest.fixture
def engine(store_url: str, hub_home: Path) -> Iterator[sa.Engine]:
    found = open_database(Settings(home=hub_home, database_url=SecretStr(_plain(store_url))), "feeds")
    yield found
    found.dispose()


def _plain(url: str) -> str:
    return "" if url.startswith("sqlite") else url.replace("postgresql+psycopg", "postgresql")


@pytest.fixture
def feeds(engine: sa.Engine) -> Feeds:
    return Feeds(engine)


@pytest.mark.parametrize(
    ("level", "named", "receivers"),
    [
        (Level.WATCH, [], set()),
        (Level.ORGANISATION, [], set()),
        (Level.NAMED, ["nett"], {"nett"}),
        (Level.NAMED, ["4624.main", "nett.main"], {"nett"}),
        (Level.REGION, [], {"4624", "110-vest"}),
        (Level.REGION, ["nett"], {"4624", "110-vest", "nett"}),
        (Level.PUBLIC, [], {"4624", "110-vest"}),
    ],
)
def test_an_item_comes_to_those_who_may_see_it(
    feeds: Feeds, level: Level, named: list[str], receivers: set[str]
) -> None:
    feeds.take(opening(level, named))
    assert {org for org in EVERYBODY if feeds.kinds(org)} == receivers


def test_trondheim_gets_public_items_of_those_it_asked_for_and_nothing_else(feeds: Feeds) -> None:
    feeds.take(setting("5001", subscribed("5001", ["4601"])))
    for level in Level:
        feeds.take(opening(level, ["5001", "nett"]))
    feeds.take(opening(Level.PUBLIC, owner=NEIGHBOUR))
    assert [entry.item.level for entry in feeds.page("5001").entries] == [Level.PUBLIC]


def test_a_row_holds_no_word_that_was_typed(feeds: Feeds, engine: sa.Engine) -> None:
    head = opening(Level.REGION)
    feeds.take(head, entry(head, Level.PUBLIC))
    with engine.begin() as connection:
        for table in sa.inspect(connection).get_table_names():
            rows = connection.execute(sa.text(f"SELECT * FROM {table}")).all()  # noqa: S608
            assert "Røyk" not in str(rows)


def test_an_entry_shared_wider_than_its_head_tells_nothing_of_the_head(feeds: Feeds) -> None:
    head = opening(Level.WATCH, owner=BARNEVERN)
    feeds.take(head, entry(head, Level.NAMED, ["nett"]), entry(head, Level.NAMED, ["nett"]))
    first, second = feeds.shown("nett")
    assert first["kind"] == "entry"
    assert {first[key] for key in ("ref", "type", "state", "priority")} == {None}
    assert first["municipalities"] == []
    assert head.about not in str(first)
    assert first["thread"] != second["thread"]


def test_a_thread_is_the_same_for_one_receiver_and_differs_between_two(feeds: Feeds) -> None:
    head = opening(Level.REGION)
    feeds.take(head, entry(head, Level.REGION))
    ours, theirs = feeds.shown("4624"), feeds.shown("110-vest")
    assert ours[0]["thread"] == ours[1]["thread"] != theirs[0]["thread"]
    assert ours[0]["ref"] == ours[1]["ref"] == "ABC123X"


def test_a_locked_report_comes_to_its_receivers_and_one_that_is_not_to_nobody(feeds: Feeds) -> None:
    feeds.take(approval(1, locked=False), approval(1), approval(2))
    shown = feeds.shown("nett")
    assert [one["kind"] for one in shown] == ["entry", "entry"]
    assert ["'version': 1" in str(one["codes"]) for one in shown] == [True, False]
    assert {(one["type"], one["priority"], one["owner"]) for one in shown} == {
        ("situation_report", "high", VAKT)
    }
    assert shown[0]["thread"] == shown[1]["thread"]
    assert {org for org in EVERYBODY if feeds.kinds(org)} == {"nett"}


def test_what_another_wrote_in_our_incident_reaches_us_and_not_its_author(feeds: Feeds) -> None:
    head = opening(Level.REGION)
    feeds.take(head, entry(head, Level.REGION, by="110-vest.main"))
    assert feeds.kinds("4601") == ["entry"]
    assert feeds.kinds("110-vest") == ["incident"]
    assert feeds.shown("4601")[0]["owner"] == "110-vest.main"


def test_an_item_raised_later_comes_late_to_those_who_did_not_have_it(feeds: Feeds) -> None:
    head = opening(Level.NAMED, ["nett"])
    feeds.take(head)
    feeds.take(following(head, incidents.SharedWider(entry="head", level=Level.REGION)))
    assert feeds.kinds("nett") == ["incident"]
    assert feeds.kinds("4624") == ["shared"]
    assert feeds.shown("4624")[0]["id"] == head.id
    feeds.take(following(head, incidents.SharedWider(entry="head", level=Level.PUBLIC)))
    assert feeds.kinds("4624") == ["shared"]


def test_a_correction_comes_to_those_who_had_the_entry(feeds: Feeds) -> None:
    head = opening(Level.WATCH)
    line = entry(head, Level.NAMED, ["nett"])
    wrong = incidents.Corrected(entry=line.id, manner="strike", level=Level.NAMED, named=["nett"])
    feeds.take(head, line)
    feeds.take(following(head, wrong))
    assert feeds.kinds("nett") == ["entry", "correction"]
    assert feeds.shown("nett")[1]["entry"] == line.id
    assert feeds.kinds("4624") == []


def test_who_wrote_in_anothers_log_gets_the_correction_that_the_other_makes(feeds: Feeds) -> None:
    head = opening(Level.NAMED, ["nett"])
    line = entry(head, Level.NAMED, ["nett"], by="nett.main")
    named = ["nett", "nett.main"]
    struck = incidents.Corrected(entry=line.id, manner="strike", level=Level.NAMED, named=named)
    feeds.take(head, line, following(head, struck))
    assert feeds.kinds("nett") == ["incident", "correction"]
    assert feeds.shown("nett")[1]["kind"] == "correction"
    own = incidents.Corrected(entry=line.id, manner="strike", level=Level.NAMED, named=named)
    feeds.take(following(head, own, by="nett.main"))
    assert feeds.kinds("nett") == ["incident", "correction"]


def test_a_request_and_its_answer_come_with_their_codes_and_without_persons_or_hidden_watches(
    feeds: Feeds,
) -> None:
    head = opening(Level.REGION)
    asked = {"asks": [NEIGHBOUR, BARNEVERN], "kind": "message_out"}
    request = entry(head, Level.REGION, said=asked | {"decider": "7ce0dcb8-8a31-4d1f-9d52-6c1d1b0d3a10"})
    answer = entry(head, Level.REGION, by=NEIGHBOUR, said={"answers": request.id, "answer": "decline"})
    task = entry(head, Level.REGION, said={"kind": "task", "assignee": BARNEVERN, "decider": "crisis_leader"})
    feeds.take(head, request, answer, task)
    plain = {"kind", "confirmed"}
    codes = [item["codes"] for item in feeds.shown("110-vest")[1:]]
    told = [{key: one[key] for key in one if key not in plain and one[key]} for one in codes]  # type: ignore[attr-defined,index]
    assert told == [
        {"asks": [NEIGHBOUR]},
        {"answers": request.id, "answer": "decline"},
        {"decider": "crisis_leader"},
    ]
    assert feeds.kinds("4601") == ["entry"]


def test_a_correction_follows_its_entry_to_new_receivers(feeds: Feeds) -> None:
    head = opening(Level.WATCH)
    line = entry(head, Level.NAMED, ["nett"])
    struck = following(
        head, incidents.Corrected(entry=line.id, manner="strike", level=Level.NAMED, named=["nett"])
    )
    feeds.take(head, line, struck)
    for fact in (line.id, struck.id):
        feeds.take(following(head, incidents.SharedWider(entry=fact, level=Level.REGION)))
    assert feeds.kinds("4624") == ["shared", "correction"]
    assert feeds.kinds("nett") == ["entry", "correction"]


def test_states_and_nobody_reached_are_said_to_those_who_may_see_the_head(feeds: Feeds) -> None:
    head, secret = opening(Level.REGION), opening(Level.ORGANISATION)
    chain = {"chain": "c", "watch": "4601.vaktsentral", "cause": head.id, "priority": "high"}
    nobody = notifications.NobodyReached.model_validate(chain)
    done = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
    feeds.take(head, secret, following(head, nobody), following(head, done), following(secret, done))
    assert feeds.kinds("4624") == ["incident", "nobody_reached", "state"]
    assert [item["state"] for item in feeds.shown("4624")] == ["closed", "closed", "closed"]
    assert feeds.kinds("nett") == []


def test_that_nobody_was_reached_is_said_to_those_who_may_see_what_it_was_about(feeds: Feeds) -> None:
    head = opening(Level.REGION)
    inner, outer = entry(head, Level.ORGANISATION), entry(head, Level.REGION)

    def nobody(cause: Made, watch: str = VAKT) -> Made:
        chain = {"chain": new_id(), "watch": watch, "cause": cause.id, "priority": "high"}
        return following(head, notifications.NobodyReached.model_validate(chain))

    feeds.take(head, inner, nobody(inner), nobody(head, BARNEVERN))
    assert feeds.kinds("4624") == ["incident"]
    feeds.take(outer, nobody(outer))
    assert feeds.kinds("4624") == ["incident", "entry", "nobody_reached"]


def test_a_chain_that_is_answered_moves_a_new_incident_on(feeds: Feeds) -> None:
    head = opening(Level.REGION)
    said = {"chain": "c", "watch": "4601.vaktsentral", "cause": head.id, "person": "p", "function": "primary"}
    body = notifications.Acknowledged.model_validate(said)
    feeds.take(head, following(head, body), following(head, body))
    assert feeds.kinds("4624") == ["incident", "state"]
    assert feeds.shown("4624")[1]["state"] == "acknowledged"


def test_an_erasure_turns_rows_into_notices_and_adds_one(feeds: Feeds) -> None:
    head = opening(Level.REGION)
    line = entry(head, Level.REGION)
    gone = incidents.Erased(fact=line.id, ground="mistaken", law="gdpr-17", asked_by="p")
    feeds.take(head, line)
    feeds.take(following(head, gone))
    shown = feeds.shown("4624")
    assert [(item["kind"], item.get("notice")) for item in shown] == [
        ("incident", None),
        ("notice", "erased"),
        ("notice", "erased"),
    ]
    assert {item["id"] for item in shown[1:]} == {line.id}
    assert feeds.fresh[-1].erased == [line.id]
    assert feeds.kinds("nett") == []


def test_what_an_ended_agreement_had_opened_is_recalled(feeds: Feeds) -> None:
    feeds.take(opening(Level.NAMED, ["nett"]))
    feeds.take(setting("nett-4601", agreement(until=NOW - timedelta(seconds=1))))
    feeds.take(opening(Level.NAMED, ["nett"]))
    (only,) = feeds.shown("nett")
    assert (only["kind"], only["notice"]) == ("notice", "recalled")
    assert "owner" not in only


def test_a_recalled_report_becomes_a_notice_and_its_receivers_get_one_more(feeds: Feeds) -> None:
    first, second = approval(1), approval(2)
    feeds.take(first)
    feeds.take(following(first, recalling(first)))
    feeds.take(second)
    row, notice, later = feeds.shown("nett")
    assert [(one["kind"], one["notice"], one["id"]) for one in (row, notice)] == [
        ("notice", "recalled", first.id)
    ] * 2
    assert (later["kind"], later["id"]) == ("entry", second.id)
    assert "Strøm" not in str((row, notice))
    assert {org for org in EVERYBODY if feeds.kinds(org)} == {"nett"}, "who never had it hears nothing"


def test_a_watch_recalls_nothing_that_another_has_written(feeds: Feeds) -> None:
    line = opening(Level.NAMED, ["nett"])
    feeds.take(line)
    feeds.take(Made(recalling(line), owner=NEIGHBOUR))
    assert feeds.kinds("nett") == ["incident"]


def test_an_erased_report_becomes_a_notice_that_says_so_also_after_its_recall(feeds: Feeds) -> None:
    locked = approval(1)
    feeds.take(locked)
    feeds.take(following(locked, recalling(locked)))
    gone = reports.ReportErased(report="report-1", facts=[new_id(), locked.id], asked_by="p1", **LAW)
    feeds.take(following(locked, gone))
    assert [one["notice"] for one in feeds.shown("nett")] == ["erased"] * 3
    assert locked.id in feeds.fresh[-1].erased


def test_an_ended_subscription_gets_no_rows(feeds: Feeds) -> None:
    feeds.take(setting("4624", subscribed("4624", until=NOW - timedelta(seconds=1))))
    feeds.take(opening(Level.REGION))
    assert feeds.kinds("4624") == []


@pytest.mark.parametrize(
    ("quiet", "receivers"), [(False, {"4601", "110-vest"}), (True, set())], ids=["loud", "quiet"]
)
def test_a_warning_comes_to_those_who_serve_its_municipality(
    feeds: Feeds, quiet: bool, receivers: set[str]
) -> None:
    feeds.take(Made(a_warning(quiet), owner="4601.vaktsentral"))
    assert {org for org in EVERYBODY if feeds.kinds(org)} == receivers


def a_warning(quiet: bool = False) -> Body:
    said = {
        "source": "met",
        "key": "k",
        "revision": 1,
        "thread": "t",
        "kind": "alert",
        "quiet": quiet,
        "municipalities": ["4601", "4628"],
        "raw": "r",
    }
    return warnings.Published.model_validate(said)


def test_positions_have_no_gaps_and_a_second_reader_is_fenced_off(feeds: Feeds) -> None:
    for _ in range(3):
        feeds.take(opening(Level.NAMED, ["nett"]), opening(Level.REGION))
    assert [entry.n for entry in feeds.page("nett").entries] == [1, 2, 3]
    assert [entry.n for entry in feeds.page("4624", after=1).entries] == [2, 3]
    feeds.line.sequence -= 1
    with pytest.raises(CursorMoved):
        feeds.take(opening(Level.REGION))
    assert feeds.page("4624").newest == 3


def test_a_new_epoch_of_the_ledger_begins_a_new_epoch_of_the_feeds(feeds: Feeds) -> None:
    feeds.take(opening(Level.REGION))
    before = feeds.page("4624").epoch
    feeds.take(opening(Level.REGION), epoch=2)
    assert feeds.page("4624").epoch != before


def test_only_the_last_days_are_given_to_one_who_begins_anew(feeds: Feeds) -> None:
    feeds.take(opening(Level.REGION, at=NOW - timedelta(days=9)))
    feeds.take(opening(Level.REGION, at=NOW - timedelta(days=1)))
    page = feeds.store.page_since("actual", "4624", NOW - timedelta(days=7), 10)
    assert [entry.n for entry in page.entries] == [2]


def test_a_rebuild_gives_the_same_rows(feeds: Feeds, tmp_path: Path) -> None:
    head = opening(Level.REGION)
    made = [head, entry(head, Level.NAMED, ["nett"]), opening(Level.PUBLIC)]
    feeds.take(*made)
    engine = open_database(Settings(home=tmp_path), "feeds")
    again = Feeds(engine)
    for one in made:
        again.take(one)
    for org in EVERYBODY:
        assert again.kinds(org) == feeds.kinds(org)
    assert again.page("4624").epoch != feeds.page("4624").epoch
    engine.dispose()


def test_the_directory_is_the_same_after_a_restart(feeds: Feeds, engine: sa.Engine) -> None:
    assert Store(engine).directory("actual") == feeds.store.directory("actual")
