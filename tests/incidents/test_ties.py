"""The rules of merging, linking, putting under each other and handing over, whatever order it is done in."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import incidents, relations, subjects, watch
from schemas.directory import Directory
from schemas.envelope import Actor, Fact, Refused, Request
from schemas.people import Granted
from schemas.related import Relations
from schemas.sharing import may_see
from schemas.vocabulary import IncidentState, Level, Mode, Role, Tag
from services.incidents import glass, limits, log, staffing, ties
from services.incidents.fold import Incident, Log
from services.incidents.limits import Case
from services.incidents.verdict import Decided
from tests.incidents.story import BARN, FIRE, NEIGHBOUR, NOW, VAKT, actor, centre, code

WHO = {VAKT: actor(), BARN: actor(BARN), NEIGHBOUR: actor(NEIGHBOUR, "nora"), FIRE: actor(FIRE, "brann")}
NAMED = relations.MergeIncident | relations.UnmergeIncident
SAID = {"text": "sagt"}


@dataclass
class World:
    """Several logs that grow by what is decided, and the picture of their ties."""

    directory: Directory = field(default_factory=centre)
    logs: dict[str, Log] = field(default_factory=dict)
    relations: Relations = field(default_factory=Relations)
    sequence: int = 0

    def opened(self, id: str, owner: str = VAKT, level: Level = Level.WATCH, **more: Any) -> "World":
        request = incidents.OpenIncident(incident=id, type="landslide", level=level, **more)
        self.logs[id] = Log(id)
        case = Case(WHO[owner], request, SAID, self.logs[id], self.directory, NOW)
        self.take(log.open_incident(case, ref=id), WHO[owner])
        return self

    def ask(self, rule: Any, request: Any, key: str, content: dict[str, Any] | None = None) -> Any:
        """What a rule says, on the logs that the door would hand it."""
        who, named = WHO[key], self.logs[request.incident]
        case = Case(who, request, content, named, self.directory, NOW, relations=self.relations)
        if not isinstance(request, NAMED):
            case = replace(case, log=self.seen(case))
        other = self.logs.get(getattr(request, "other", None) or "")
        if other is not None:
            other = self.seen(replace(case, log=other))
        elif isinstance(request, relations.SetParent | relations.UnmergeIncident):
            up = self.relations.merged if isinstance(request, NAMED) else self.relations.parents
            other = self.logs.get(up.get(case.log.id, ""))
        line = [] if other is None else self.relations.ancestors(other.id)
        seen = frozenset(id for id in line if limits.head_seen(self.logs[id], case) is not None)
        return rule(replace(case, other=other, seen=seen))

    def seen(self, case: Case[Any]) -> Log:
        """What the sender means: what it was merged into, if both heads are to be seen."""
        if limits.of_head(case) is None:
            return case.log
        line = (self.logs[id] for id in reversed(self.relations.line(case.log.id)))
        return next((one for one in line if limits.head_seen(one, case) is not None), case.log)

    def do(self, rule: Any, request: Any, key: str = VAKT, content: dict[str, Any] | None = None) -> Any:
        """The same, carried out if it is allowed."""
        verdict = self.ask(rule, request, key, content)
        if isinstance(verdict, Decided):
            self.take(verdict, WHO[key])
        return verdict

    def take(self, decided: Any, who: Actor) -> str:
        assert isinstance(decided, Decided), decided
        part, body = decided.part, decided.body
        self.sequence += 1
        org, watch_code = subjects.split_key(part.owner)
        commitment = "c" * 64 if decided.content else None
        data = Fact.Data(
            mode=Mode.EXERCISE, owner=part.owner, controller=org, actor=who, occurred_at=NOW,
            command="c", commitment=commitment, body={},
        )  # fmt: skip
        at = NOW + timedelta(seconds=self.sequence)
        fact = Fact(
            id=f"f{self.sequence}", source="/t", type=body.type_name(), subject=part.id, time=at, data=data
        )
        place = subjects.Place("exercise", org, watch_code, "incidents", part.id, body.name)
        self.logs[part.id].take(self.sequence, place, fact, body)
        self.relations.apply(body)
        return fact.id

    def incident(self, id: str) -> Incident:
        found = self.logs[id].opened
        assert found is not None
        return found

    def sights(self) -> set[tuple[str, str]]:
        """Which watch may see which item."""
        items = (
            item for one in self.logs.values() for part in one.parts.values() for item in part.items.values()
        )
        return {
            (item.id, key) for item in items for key in WHO if may_see(item.reach, key, self.directory, NOW)
        }


def merge(id: str, other: str) -> Request:
    return relations.MergeIncident(incident=id, other=other)


def parent(id: str, other: str | None) -> Request:
    return relations.SetParent(incident=id, other=other)


def two(**more: Any) -> World:
    return World().opened("i1", **more).opened("i2")


# Merging


def test_a_merged_incident_is_closed_until_it_is_unmerged_and_then_as_before() -> None:
    world = two()
    state = incidents.ChangeState(incident="i1", state=IncidentState.IN_PROGRESS)
    world.do(log.change_state, state)
    before = world.incident("i1").items
    world.do(ties.merge, merge("i1", "i2"))
    assert (world.incident("i1").state, world.relations.survivor("i1")) == (IncidentState.CLOSED, "i2")
    world.do(log.close_incident, incidents.CloseIncident(incident="i1"))
    assert world.incident("i2").state is IncidentState.CLOSED
    world.do(ties.unmerge, relations.UnmergeIncident(incident="i1"))
    assert world.incident("i1").state is IncidentState.IN_PROGRESS
    assert world.incident("i1").items == before
    assert world.relations == Relations()


def test_an_incident_is_not_merged_into_itself_nor_twice_nor_into_what_is_closed() -> None:
    world = two().opened("i3")
    assert code(world.ask(ties.merge, merge("i1", "i1"), VAKT)) == "TIED_TO_ITSELF"
    world.do(ties.merge, merge("i1", "i2"))
    assert code(world.ask(ties.merge, merge("i1", "i3"), VAKT)) == "ALREADY_MERGED"
    assert code(world.ask(ties.merge, merge("i2", "i1"), VAKT)) == "TIED_TO_ITSELF"
    world.do(log.close_incident, incidents.CloseIncident(incident="i3"))
    assert code(world.ask(ties.merge, merge("i2", "i3"), VAKT)) == "ALREADY_CLOSED"
    assert code(world.ask(ties.unmerge, relations.UnmergeIncident(incident="i2"), VAKT)) == "NOT_MERGED"


def test_only_who_answers_for_the_duplicate_merges_it_and_sees_what_into() -> None:
    world = two(level=Level.ORGANISATION).opened("i3", BARN)
    assert code(world.ask(ties.merge, merge("i1", "i3"), VAKT)) == "UNKNOWN_INCIDENT"
    assert code(world.ask(ties.merge, merge("i1", "i3"), BARN)) == "NOT_ALLOWED"
    assert code(world.ask(ties.merge, merge("i3", "i1"), BARN)) is None
    assert code(world.ask(ties.merge, merge("i3", "i1"), FIRE)) == "UNKNOWN_INCIDENT"


def test_whether_a_duplicate_that_is_not_ones_own_is_merged_is_not_to_be_tried_out() -> None:
    world = World().opened("i1", level=Level.ORGANISATION).opened("i2").opened("i3", level=Level.ORGANISATION)
    world.do(ties.merge, merge("i1", "i2"))
    tried = [world.ask(ties.unmerge, relations.UnmergeIncident(incident=id), BARN) for id in ("i1", "i3")]
    assert tried[0] == tried[1] == Refused(code="NOT_ALLOWED", parameters={"act": "unmerge"})


# Parents and links


def test_a_parent_is_neither_the_incident_itself_nor_beneath_it() -> None:
    world = two().opened("i3")
    assert code(world.ask(ties.set_parent, parent("i1", "i1"), VAKT)) == "TIED_TO_ITSELF"
    world.do(ties.set_parent, parent("i1", "i2"))
    world.do(ties.set_parent, parent("i2", "i3"))
    assert code(world.ask(ties.set_parent, parent("i3", "i1"), VAKT)) == "CIRCULAR_PARENTS"
    assert code(world.ask(ties.set_parent, parent("i1", "i2"), VAKT)) == "ALREADY_TIED"
    world.do(ties.set_parent, parent("i1", None))
    assert "i1" not in world.relations.parents
    assert code(world.ask(ties.set_parent, parent("i1", None), VAKT)) == "NOT_TIED"


def test_a_ring_through_an_incident_that_the_sender_may_not_see_is_not_told_and_not_made() -> None:
    world = World().opened("i1", level=Level.ORGANISATION).opened("i2", level=Level.ORGANISATION)
    world.opened("x", BARN)
    world.do(ties.set_parent, parent("x", "i1"), BARN)
    world.do(ties.set_parent, parent("i2", "x"), BARN)
    assert world.relations.ancestors("i2") == ["x", "i1"]
    assert isinstance(world.do(ties.set_parent, parent("i1", "i2")), Decided)
    assert world.relations.ancestors("i1") == ["i2", "x"]


def test_the_tie_of_a_hidden_watchs_incident_lies_in_its_own_log_alone() -> None:
    world = two(level=Level.REGION)
    world.directory.apply(watch.Established(watch=BARN, code="B", title="B", posts=["duty"], hidden=True))
    world.directory.apply(Granted(person="kari", role=Role.OPERATOR, where=BARN))
    world.opened("x", BARN)
    found = world.ask(ties.link, relations.LinkIncidents(incident="i1", other="x"), BARN)
    assert found.part.owner == BARN
    assert world.ask(ties.set_parent, parent("x", "i1"), BARN).part.owner == BARN


def test_a_parent_that_may_not_be_seen_is_taken_away_like_none() -> None:
    world = World().opened("i1", level=Level.ORGANISATION).opened("x", BARN)
    alone = world.ask(ties.set_parent, parent("i1", None), VAKT)
    world.do(ties.set_parent, parent("x", "i1"), BARN)
    world.relations.apply(relations.ParentSet(incident="i1", owner=VAKT, parent="x", parent_owner=BARN))
    assert world.ask(ties.set_parent, parent("i1", None), VAKT) == alone


# Transfers


def test_a_transfer_shares_the_head_with_the_watch_that_is_asked_but_nothing_of_a_hidden_one() -> None:
    ask = relations.AskTransfer(incident="i1", to=NEIGHBOUR)
    shared = two().ask(staffing.share_first, ask, VAKT)
    assert (shared.body.level, shared.body.named) == (Level.NAMED, [NEIGHBOUR])
    capped = World().opened("i1", tags=[Tag.PERSON])
    assert code(capped.ask(staffing.share_first, ask, VAKT)) == "LEVEL_ABOVE_CAP"
    assert code(two().ask(staffing.share_first, ask.model_copy(update={"to": FIRE}), VAKT)) == "NO_AGREEMENT"
    hidden = two()
    hidden.directory.apply(watch.Established(watch=VAKT, code="V", title="V", posts=["duty"], hidden=True))
    hidden.directory.apply(Granted(person="kari", role=Role.OPERATOR, where=VAKT))
    assert hidden.ask(staffing.share_first, ask, VAKT) is None
    assert code(hidden.ask(staffing.ask_transfer, ask, VAKT)) == "ADDRESSEE_CANNOT_SEE"


# The glass


@pytest.mark.parametrize("tag", [Tag.HEALTH, Tag.CHILD, Tag.PERSON])
def test_the_glass_opens_one_item_to_one_watch_until_the_moment_that_was_said(tag: Tag) -> None:
    world = two()
    entry = incidents.AddEntry(incident="i1", tags=[tag])
    item = world.take(world.ask(log.add_entry, entry, VAKT, {"reference": "12"}), WHO[VAKT])
    world.directory.apply(Granted(person="kari", role=Role.LEADER, where="4601"))
    until = NOW + timedelta(hours=1)
    ask = relations.BreakGlass(incident="i1", entry=item, to=FIRE, ground="hpl-31", until=until)
    before = world.sights()
    assert code(world.ask(glass.break_glass, ask, BARN, SAID)) == "UNKNOWN_INCIDENT"
    assert isinstance(world.do(glass.break_glass, ask, VAKT, SAID), Decided)
    more = {(seen, key) for seen, key in world.sights() - before if key != VAKT}
    assert more == {(item, FIRE)}, "the reason itself stays in the watch"
    reach = world.incident("i1").items[item].reach
    assert may_see(reach, FIRE, world.directory, until - timedelta(microseconds=1))
    assert not may_see(reach, FIRE, world.directory, until)


# Whatever is done, in any order

_IDS = ("i1", "i2", "i3", "i4")
_PAIRS: dict[str, tuple[Any, Any]] = {
    "merge": (ties.merge, relations.MergeIncident),
    "parent": (ties.set_parent, relations.SetParent),
    "link": (ties.link, relations.LinkIncidents),
    "unlink": (ties.unlink, relations.UnlinkIncidents),
}
_ALONE: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "unmerge": (ties.unmerge, relations.UnmergeIncident, {}),
    "orphan": (ties.set_parent, relations.SetParent, {}),
    "accept": (staffing.answer_transfer, relations.AnswerTransfer, {"accept": True}),
    "decline": (staffing.answer_transfer, relations.AnswerTransfer, {"accept": False}),
    "withdraw": (staffing.withdraw_transfer, relations.WithdrawTransfer, {}),
    "close": (log.close_incident, incidents.CloseIncident, {}),
    "entry": (log.add_entry, incidents.AddEntry, {}),
}
_ACT = st.tuples(
    st.sampled_from([*_PAIRS, *_ALONE, "transfer"]),
    st.sampled_from(_IDS),
    st.sampled_from(_IDS),
    st.sampled_from(list(WHO)),
)


@settings(max_examples=60)
@given(acts=st.lists(_ACT, max_size=25))
def test_nothing_is_lost_no_ring_is_made_and_nobody_sees_more_than_was_shared(
    acts: list[tuple[str, str, str, str]],
) -> None:
    world = World().opened("i1", level=Level.NAMED, named=["4624"]).opened("i2", level=Level.ORGANISATION)
    world.opened("i3", NEIGHBOUR, Level.NAMED, named=["4601"]).opened("i4", BARN)
    stood: dict[str, IncidentState] = {}
    for verb, id, other, key in acts:
        items, sights, answers = known_items(world), world.sights(), responsible(world)
        states = {one: world.incident(one).state for one in _IDS}
        shared = run(world, verb, id, other, key)
        assert items <= known_items(world)
        new = {item for item, _ in world.sights()} - items
        more = {(item, who) for item, who in world.sights() - sights if item not in new}
        assert {who for _, who in more} <= shared
        changed = {one for one in _IDS if responsible(world)[one] != answers[one]}
        assert not changed or verb == "accept"
        check_ties(world)
        for one in _IDS:
            is_merged = world.incident(one).merged is not None
            if is_merged and one not in stood:
                stood[one] = states[one]
            if not is_merged and one in stood:
                assert world.incident(one).state is stood.pop(one)


def run(world: World, verb: str, id: str, other: str, key: str) -> set[str]:
    """Do one act; the watches with which it shared something."""
    if verb in _PAIRS:
        rule, request = _PAIRS[verb]
        world.do(rule, request(incident=id, other=other), key)
    elif verb in _ALONE:
        rule, request, said = _ALONE[verb]
        world.do(rule, request(incident=id, **said), key, SAID)
    else:
        asked = relations.AskTransfer(incident=id, to=list(WHO)[_IDS.index(other)])
        first = world.ask(staffing.share_first, asked, key)
        if isinstance(first, Decided):
            world.take(first, WHO[key])
            world.do(staffing.ask_transfer, asked, key)
            house = {watch for watch in WHO if watch.partition(".")[0] == first.part.controller}
            return {asked.to, *house}
        world.do(staffing.ask_transfer, asked, key)
    return set()


def check_ties(world: World) -> None:
    for id in _IDS:
        assert id not in world.relations.ancestors(id)
        assert id not in world.relations.line(id)
        assert id not in world.relations.links.get(id, ())
        assert world.incident(id).merged == world.relations.merged.get(id)
        assert all(id in world.relations.links[linked] for linked in world.relations.links.get(id, ()))
    below = {child for children in world.relations.below.values() for child in children}
    assert below == set(world.relations.parents)


def known_items(world: World) -> set[str]:
    return {item for one in world.logs.values() for part in one.parts.values() for item in part.items}


def responsible(world: World) -> dict[str, str]:
    return {id: world.incident(id).responsible for id in _IDS}
