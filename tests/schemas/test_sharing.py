"""Who may see an item, by level, list, agreement and region (D20)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.directory import Directory
from schemas.feeds import Agreed, RegionSet
from schemas.sharing import Reach, check_reach, content_class, may_see, organisation_may_see
from schemas.vocabulary import ContentClass, Level
from schemas.watch import Established

NOW = datetime(2027, 1, 15, 5, 49, tzinfo=UTC)
DAY = timedelta(days=1)
ENDS = st.sampled_from([None, NOW])
OWNER, HOUSEMATE, NEIGHBOUR, FAR = "4601.vaktsentral", "4601.lvs", "4627.vakt", "5001.vakt"


def _directory(agreed_until: datetime | None = None, region_until: datetime | None = None) -> Directory:
    directory = Directory()
    for key in (OWNER, HOUSEMATE, NEIGHBOUR, FAR):
        directory.apply(Established(watch=key, code="X", title="X", posts=["duty"]))
    directory.apply(
        Agreed(
            agreement="askoy",
            parties=["4601", "4627"],
            purpose="varsling",
            since=NOW - DAY,
            until=agreed_until,
        )
    )
    directory.apply(RegionSet(region="vest", members=["4601", "4627"], since=NOW - DAY, until=region_until))
    return directory


@pytest.mark.parametrize(
    ("level", "seen_by"),
    [
        (Level.WATCH, {OWNER}),
        (Level.ORGANISATION, {OWNER, HOUSEMATE}),
        (Level.NAMED, {OWNER, HOUSEMATE}),
        (Level.REGION, {OWNER, HOUSEMATE, NEIGHBOUR}),
        (Level.PUBLIC, {OWNER, HOUSEMATE, NEIGHBOUR, FAR}),
    ],
)
def test_each_level_reaches_its_circle_and_no_further(level: Level, seen_by: set[str]) -> None:
    reach = Reach(OWNER, level)
    assert {w for w in (OWNER, HOUSEMATE, NEIGHBOUR, FAR) if may_see(reach, w, _directory(), NOW)} == seen_by


@pytest.mark.parametrize("named", ["4627", "4627.vakt"])
def test_a_named_neighbour_sees_it_while_an_agreement_is_active(named: str) -> None:
    reach = Reach(OWNER, Level.NAMED, (named,))
    assert may_see(reach, NEIGHBOUR, _directory(), NOW)
    assert not may_see(reach, NEIGHBOUR, _directory(agreed_until=NOW), NOW)
    assert not may_see(reach, FAR, _directory(), NOW)


def test_naming_one_watch_does_not_let_its_sister_in_but_puts_it_in_the_organisations_feed() -> None:
    reach = Reach(OWNER, Level.NAMED, ("4627.vakt",))
    assert not may_see(reach, "4627.annen", _directory(), NOW)
    assert organisation_may_see(reach, "4627", _directory(), NOW)
    assert not organisation_may_see(reach, "5001", _directory(), NOW)


def test_a_member_that_left_the_region_sees_no_more() -> None:
    reach = Reach(OWNER, Level.REGION)
    assert not may_see(reach, NEIGHBOUR, _directory(region_until=NOW), NOW)


@pytest.mark.parametrize("named", ["4627", "4627.vakt"])
def test_a_member_of_the_region_sees_what_is_for_the_region_also_when_named_without_agreement(
    named: str,
) -> None:
    reach, directory = Reach(OWNER, Level.REGION, (named,)), _directory(agreed_until=NOW)
    assert may_see(reach, NEIGHBOUR, directory, NOW)
    assert not may_see(reach, NEIGHBOUR, _directory(agreed_until=NOW, region_until=NOW), NOW)


def test_raising_an_item_from_named_to_region_keeps_those_who_were_named() -> None:
    directory = _directory(region_until=NOW)
    assert may_see(Reach(OWNER, Level.REGION, ("4627",)), NEIGHBOUR, directory, NOW)


@given(
    st.sampled_from(list(Level)),
    st.sampled_from(list(Level)),
    st.sampled_from([(), ("5001",), ("4627",)]),
    st.sampled_from([HOUSEMATE, NEIGHBOUR, FAR]),
    st.tuples(ENDS, ENDS),
)
def test_a_wider_level_and_a_longer_list_never_hide_what_was_shown(
    one: Level, other: Level, named: tuple[str, ...], viewer: str, ends: tuple[datetime, datetime]
) -> None:
    (narrow, wide), directory = sorted((one, other)), _directory(*ends)
    seen = may_see(Reach(OWNER, narrow, named), viewer, directory, NOW)
    assert not seen or may_see(Reach(OWNER, wide, (*named, "4627")), viewer, directory, NOW)


def test_content_lies_in_the_shared_class_only_when_others_than_the_organisation_may_see_it() -> None:
    assert [content_class(level) for level in Level] == [ContentClass.WATCH] * 2 + [ContentClass.SHARED] * 3


@pytest.mark.parametrize(
    ("reach", "notify", "code"),
    [
        (Reach(OWNER, Level.NAMED), [], "NAMED_NEEDS_LIST"),
        (Reach(OWNER, Level.NAMED, ("5001",)), [], "NO_AGREEMENT"),
        (Reach(OWNER, Level.REGION, ("5001",)), [], "NO_AGREEMENT"),
        (Reach(OWNER, Level.ORGANISATION), ["4601.finnes-ikke"], "UNKNOWN_WATCH"),
        (Reach(OWNER, Level.ORGANISATION), [NEIGHBOUR], "ADDRESSEE_CANNOT_SEE"),
        (Reach(OWNER, Level.NAMED, ("4627",)), [NEIGHBOUR, HOUSEMATE], None),
    ],
)
def test_what_cannot_be_shared_so_is_refused_before_it_is_stored(
    reach: Reach, notify: list[str], code: str | None
) -> None:
    refused = check_reach(reach, notify, _directory(), NOW)
    assert (refused.code if refused else None) == code


def test_a_member_of_the_region_may_be_named_in_what_is_for_the_region_without_an_agreement() -> None:
    directory = _directory(agreed_until=NOW)
    assert check_reach(Reach(OWNER, Level.REGION, ("4627",)), [NEIGHBOUR], directory, NOW) is None
    refused = check_reach(Reach(OWNER, Level.NAMED, ("4627",)), [], directory, NOW)
    assert refused is not None
    assert refused.code == "NO_AGREEMENT"
