"""What the feeds let go of, on both databases: an exercise over for good, deliveries past their term."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from schemas import incidents, records
from schemas.vocabulary import IncidentState, Level, Mode
from services.feeds.store import Fresh, Store
from services.feeds.tables import HEADS, ITEMS, NEWEST, ROWS
from services.runtime.database import migrate, open_database
from services.runtime.settings import Settings
from tests.ended_exercise import BARN, BEGAN, NEIGHBOUR, VAKT, X, Y, begun, discarded, ended
from tests.feeds.facts import Line, centre, entry, following, opening, setting
from tests.incidents.make import Made

MODE = Mode.EXERCISE


class Feeds:
    """A store of mode exercise with a ledger of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.fresh: list[Fresh] = []
        self.store = Store(engine, self.fresh.append)
        self.line = Line()

    def take(self, *made: Made, size: int = 1000) -> None:
        for start in range(0, len(made), size):
            self.store.apply(MODE, 1, self.line.messages(*made[start : start + size]))

    def rows(self, org: str) -> list[tuple[int, str, str]]:
        page = self.store.page(MODE, org, 0, 200)
        return [(one.n, one.kind, one.item.fact) for one in page.entries]

    def all(self, table: sa.Table) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            query = sa.select(table).where(table.c.mode == MODE).order_by(*table.primary_key.columns)
            return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def engine(store_url: str, hub_home: Path) -> Iterator[sa.Engine]:
    plain = "" if store_url.startswith("sqlite") else store_url.replace("postgresql+psycopg", "postgresql")
    found = open_database(Settings(home=hub_home, database_url=SecretStr(plain)), "feeds")
    yield found
    found.dispose()


@pytest.fixture
def feeds(engine: sa.Engine) -> Feeds:
    return Feeds(engine)


def at(minute: float) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def opened(minute: float, owner: str = VAKT) -> Made:
    return opening(Level.REGION, owner=owner, mode=MODE, at=at(minute), ref=f"ABC{abs(int(minute)):04}")


class Story:
    """Incidents before, during and after an exercise, each shared with the region."""

    def __init__(self) -> None:
        self.before, self.gone, self.neighbours = opened(-30), opened(5), opened(7, NEIGHBOUR)
        self.hidden, self.after, self.next_one = opened(6, BARN), opened(40), opened(70)
        self.entry = entry(self.gone, Level.REGION, mode=MODE, at=at(10))
        self.late = entry(self.gone, Level.REGION, mode=MODE, at=at(75))
        self.early = entry(self.before, Level.REGION, mode=MODE, at=at(12))

    @property
    def facts(self) -> list[Made]:
        settings = [setting(about, body, MODE) for about, body in centre()]
        state = incidents.StateChanged(state=IncidentState.CLOSED, former=IncidentState.NEW)
        closing = following(self.gone, state, mode=MODE, at=at(20))
        return [
            *settings,
            *(self.before, begun(X, 0, "4601", "4624"), self.gone, self.hidden, self.neighbours, self.entry),
            *(self.early, closing, ended(30), self.after, begun(Y, 60, "4601"), self.next_one, self.late),
            discarded(90, "4601"),
        ]


def test_an_exercise_that_is_over_for_good_is_in_no_feed_and_what_is_not_its_own_stays_in_order(
    feeds: Feeds,
) -> None:
    story = Story()
    feeds.take(*story.facts)
    kept = [story.before, story.hidden, story.neighbours, story.early, story.next_one]
    others = [one.id for one in kept if one is not story.neighbours]
    assert feeds.rows("110-vest") == [
        (n, kind, one.id)
        for n, (kind, one) in enumerate(
            [
                ("incident", story.before),
                ("incident", story.hidden),
                ("incident", story.neighbours),
                ("entry", story.early),
                ("incident", story.next_one),
            ],
            1,
        )
    ]
    assert [fact for _, _, fact in feeds.rows("4624")] == others
    gone = {one.id for one in (story.gone, story.entry, story.late, story.after)}
    assert {row[1] for row in feeds.all(ITEMS)} == {one.id for one in kept}
    assert {row[2] for row in feeds.all(HEADS)} == {one.id for one in kept if one is not story.early}
    assert set(feeds.fresh[-1].erased) > gone


def test_who_follows_begins_anew_and_goes_on_without_a_gap(feeds: Feeds) -> None:
    story = Story()
    *before, last = story.facts
    feeds.take(*before)
    former = feeds.store.page(MODE, "110-vest", 0, 200)
    feeds.take(last)
    assert feeds.fresh[-1].anew
    page = feeds.store.page(MODE, "110-vest", 0, 200)
    assert page.epoch == feeds.fresh[-1].epoch != former.epoch
    assert page.newest == feeds.fresh[-1].newest["110-vest"] == 5 < former.newest
    feeds.take(opened(95))
    assert [n for n, _, _ in feeds.rows("110-vest")] == [1, 2, 3, 4, 5, 6]


def test_ending_for_good_what_nobody_was_given_lets_the_feeds_go_on(feeds: Feeds) -> None:
    settings = [setting(about, body, MODE) for about, body in centre()]
    inner = opening(Level.WATCH, owner=BARN, mode=MODE, at=at(5))
    feeds.take(*settings, opened(-30), begun(X, 0, "4601"), inner, ended(30))
    epoch = feeds.store.page(MODE, "4624", 0, 10).epoch
    feeds.take(discarded(90, "4601"), discarded(91, BARN))
    assert inner.id not in str(feeds.all(ITEMS))
    assert feeds.store.page(MODE, "4624", 0, 10).epoch == epoch
    assert [kind for _, kind, _ in feeds.rows("4624")] == ["incident"]


@pytest.mark.parametrize("size", [1, 3])
def test_a_feed_that_is_made_anew_comes_to_the_same(feeds: Feeds, tmp_path: Path, size: int) -> None:
    facts = [*Story().facts, opened(95)]
    feeds.take(*facts)
    engine = open_database(Settings(home=tmp_path / "again"), "feeds")
    again = Feeds(engine)
    again.take(*facts, size=size)
    for table in (ROWS, ITEMS, HEADS, NEWEST):
        assert again.all(table) == feeds.all(table), table.name
    engine.dispose()


# The term of deliveries


@pytest.fixture
def delivered(feeds: Feeds) -> tuple[Feeds, Made, Made]:
    """An incident and an entry that the region was given, and the fact that their term is over."""
    head = opening(Level.REGION, mode=MODE)
    line = entry(head, Level.REGION, mode=MODE)
    feeds.take(
        *(setting(about, body, MODE) for about, body in centre()),
        head,
        line,
        opening(Level.REGION, mode=MODE),
    )
    body = records.DeliveriesErased(order="o1", law="gdpr-5-1-e", asked_by="liv")
    feeds.take(following(head, body, mode=MODE))
    return feeds, head, line


def test_who_was_given_what_is_forgotten_when_the_term_is_over_and_the_rest_stays(
    delivered: tuple[Feeds, Made, Made],
) -> None:
    feeds, head, line = delivered
    assert [(n, kind) for n, kind, _ in feeds.rows("4624")] == [(3, "incident")]
    assert {row[1] for row in feeds.all(ITEMS)} >= {head.id, line.id}
    assert feeds.store.page(MODE, "4624", 0, 10).newest == 3


def test_a_correction_after_the_term_still_comes_to_all_who_may_have_had_the_entry(
    delivered: tuple[Feeds, Made, Made],
) -> None:
    feeds, head, line = delivered
    struck = incidents.Corrected(entry=line.id, manner="strike", level=Level.REGION)
    gone = incidents.Erased(fact=line.id, ground="mistaken", law="gdpr-17", asked_by="p")
    feeds.take(following(head, struck, mode=MODE), following(head, gone, mode=MODE))
    assert [kind for _, kind, _ in feeds.rows("4624")] == ["incident", "correction", "notice"]


def test_nobody_is_given_an_item_again_because_its_term_is_over(
    delivered: tuple[Feeds, Made, Made],
) -> None:
    feeds, head, _ = delivered
    wider = incidents.SharedWider(entry="head", level=Level.REGION, named=["nett"])
    feeds.take(following(head, wider, mode=MODE))
    assert [kind for _, kind, _ in feeds.rows("4624")] == ["incident"]
    assert [kind for _, kind, _ in feeds.rows("nett")] == ["shared"]


def test_items_from_before_are_found_by_their_incident_after_the_upgrade(
    store_url: str, tmp_path: Path
) -> None:
    plain = "" if store_url.startswith("sqlite") else store_url.replace("postgresql+psycopg", "postgresql")
    settings = Settings(home=tmp_path, database_url=SecretStr(plain))
    engine = open_database(settings, "feeds")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX items_incident")
        connection.exec_driver_sql("ALTER TABLE items DROP COLUMN incident")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0002'")
        record = '{"incident": "4601.vaktsentral.i1"}'
        for number in range(3):
            connection.execute(
                sa.text("INSERT INTO items (mode, fact, record) VALUES ('actual', :fact, :record)"),
                {"fact": f"f{number}", "record": record},
            )
    migrate(engine, "feeds")
    with engine.connect() as connection:
        found = connection.execute(sa.select(ITEMS.c.incident)).scalars().all()
    assert found == ["4601.vaktsentral.i1"] * 3
    engine.dispose()
