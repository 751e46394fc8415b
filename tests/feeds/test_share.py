"""Which organisation's feed gets what, whatever is shared, agreed and ended."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.directory import Directory
from schemas.feeds import Agreed, RegionSet, Subscribed
from schemas.sharing import Reach, may_see, organisation_may_see
from schemas.vocabulary import Level, Mode
from schemas.watch import Established
from services.feeds import share
from services.feeds.share import Item

NOW = datetime(2027, 1, 15, 5, 49, tzinfo=UTC)
ORGANISATIONS = ("4601", "4624", "4627", "5001")
WATCHES = tuple(f"{org}.{watch}" for org in ORGANISATIONS for watch in ("main", "vakt"))
TIMES = st.sampled_from([NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
ENDS = st.one_of(st.none(), TIMES)
SOME = st.lists(st.sampled_from(ORGANISATIONS), min_size=2, max_size=3, unique=True)
NAMES = st.lists(st.sampled_from([*ORGANISATIONS, *WATCHES, "9999.none", "46"]), max_size=3, unique=True)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    """Agreements, regions and subscriptions that hold, have ended or begin tomorrow."""
    found = Directory()
    for key in WATCHES:
        found.apply(Established(watch=key, code="X", title="X", posts=["duty"], hidden=draw(st.booleans())))
    for number in range(draw(st.integers(0, 2))):
        parties, since, until = draw(SOME), draw(TIMES), draw(ENDS)
        found.apply(Agreed(agreement=str(number), parties=parties, purpose="x", since=since, until=until))
        found.apply(RegionSet(region=str(number), members=draw(SOME), since=draw(TIMES), until=draw(ENDS)))
    for org in ORGANISATIONS:
        asked = draw(st.lists(st.sampled_from(ORGANISATIONS), max_size=2, unique=True))
        found.apply(
            Subscribed(
                subscriber=org, since=draw(TIMES), until=draw(ENDS), public_from=asked, modes=[Mode.ACTUAL]
            )
        )
    return found


@st.composite
def items(draw: st.DrawFn) -> Item:
    """An item of anybody's at any level."""
    home, author = draw(st.sampled_from(WATCHES)), draw(st.sampled_from(WATCHES))
    broken = draw(st.lists(st.tuples(st.sampled_from(WATCHES), TIMES.map(datetime.isoformat)), max_size=2))
    level, named = draw(st.sampled_from(list(Level))), tuple(draw(NAMES))
    return Item("f", "entry", home, author, level, "f", "", "", named, broken=tuple(broken))


@given(items(), directories())
def test_a_feed_gets_only_what_some_watch_of_its_house_may_see_and_never_the_house_s_own_words(
    item: Item, directory: Directory
) -> None:
    for name in share.receivers(item.reach, directory, "actual", NOW):
        assert name != (item.author if item.author != item.home else item.home).partition(".")[0]
        assert organisation_may_see(item.reach, name, directory, NOW)
        assert directory.subscription(name, "actual", NOW) is not None
        assert share.may_have(item, item, name, directory, NOW)


@given(items(), directories())
def test_nobody_who_is_to_get_an_item_is_passed_over(item: Item, directory: Directory) -> None:
    asking = share.subscribers(directory, "actual", NOW)
    wanted = [name for name in asking if share.gets(item.reach, name, directory, NOW)]
    assert share.receivers(item.reach, directory, "actual", NOW) == wanted


@given(items(), directories())
def test_who_is_not_named_under_an_agreement_nor_of_the_region_nor_let_in_gets_nothing_but_what_is_public(
    item: Item, directory: Directory
) -> None:
    owner = item.home.partition(".")[0]
    let_in = {watch.partition(".")[0] for watch, until in item.broken if until > NOW.isoformat()}
    named = {name.partition(".")[0] for name in item.named} if item.level >= Level.NAMED else set()
    for org in set(ORGANISATIONS) - let_in - {item.author.partition(".")[0], owner}:
        is_open = item.level is Level.PUBLIC or (org in named and directory.agreed(owner, org, NOW))
        is_open = is_open or (item.level is Level.REGION and directory.share_region(owner, org, NOW))
        assert share.may_have(item, item, org, directory, NOW) == is_open
        assert is_open or not any(
            may_see(item.reach, key, directory, NOW) for key in WATCHES if key[:4] == org
        )


@given(items(), directories(), st.sampled_from(list(Level)), NAMES)
def test_what_is_shared_wider_is_taken_from_nobody(
    item: Item, directory: Directory, level: Level, named: list[str]
) -> None:
    wider = share.widened(item, level, named)
    for org in ORGANISATIONS:
        had = share.may_have(item, item, org, directory, NOW)
        assert not had or share.may_have(wider, wider, org, directory, NOW)


@given(items(), directories())
def test_when_every_agreement_and_region_has_ended_only_the_public_goes_out(
    item: Item, directory: Directory
) -> None:
    ended = Directory(watches=directory.watches, subscriptions=directory.subscriptions)
    alone = replace(item, broken=(), author=item.home)
    for org in set(ORGANISATIONS) - {item.home.partition(".")[0]}:
        assert share.may_have(alone, alone, org, ended, NOW) == (item.level is Level.PUBLIC)
        assert not share.gets(Reach(item.home, item.level, item.named), org, ended, NOW) or (
            item.level is Level.PUBLIC
        )
