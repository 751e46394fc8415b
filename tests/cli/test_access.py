"""What the law of public access opens: defaults by tag and level, and decisions that can stand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Level, Tag
from services.cli.export import access
from services.cli.export.access import BadDecision, Decision, Openness

TAGS = [tag.value for tag in Tag if tag is not Tag.GRADED]
items = st.builds(
    lambda tags, level: {"id": "i", "tags": tags, "level": level.value, "content": {"text": "hemmelig"}},
    st.lists(st.sampled_from(TAGS), max_size=2),
    st.sampled_from(Level),
)


def _item(*tags: str, level: str = "organisation") -> dict[str, Any]:
    return {
        "id": "i",
        "tags": list(tags),
        "level": level,
        "content": {"text": "hemmelig"},
        "occurred_at": "t",
    }


@pytest.mark.parametrize(
    ("tags", "grounds"),
    [
        (["health"], ("offl-13", "hpl-21")),
        (["child"], ("offl-13", "bvl-13-1")),
        (["person"], ("offl-13", "fvl-13")),
        (["vuln"], ("offl-24-3",)),
        (["person", "vuln"], ("offl-13", "fvl-13", "offl-24-3")),
        ([], ("offl-14",)),
    ],
)
def test_what_is_tagged_or_internal_is_withheld_on_its_own_ground(
    tags: list[str], grounds: tuple[str, ...]
) -> None:
    assert access.default(_item(*tags)) == Decision(Openness.WITHHELD, grounds)


@given(items)
def test_only_what_was_shared_with_the_region_or_all_and_bears_no_tag_is_open_by_itself(
    item: dict[str, Any],
) -> None:
    is_open = not item["tags"] and item["level"] in ("region", "public")
    assert (access.decide(item, {}).openness is Openness.OPEN) == is_open


@given(items, st.sampled_from(Openness))
def test_secret_words_never_go_out_whoever_decides(item: dict[str, Any], openness: Openness) -> None:
    decided = {"i": Decision(openness, ("offl-13",), "sladdet")}
    if openness is Openness.OPEN and set(item["tags"]) - {"vuln"}:
        with pytest.raises(BadDecision, match="SECRET"):
            access.decide(item, decided)
        return
    decision = access.decide(item, decided)
    told = str(access.given_out(1, item, decision))
    assert ("hemmelig" in told) == (openness is Openness.OPEN)
    assert set(item["tags"]) <= {"vuln"} or "hemmelig" not in told


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (Decision(Openness.WITHHELD), "GROUND_NEEDED"),
        (Decision(Openness.WITHHELD, ("because",)), "GROUND_UNKNOWN"),
        (Decision(Openness.PARTLY, ("offl-13",)), "TEXT_NEEDED"),
    ],
)
def test_a_decision_without_a_ground_in_law_cannot_stand(decision: Decision, code: str) -> None:
    with pytest.raises(BadDecision) as fault:
        access.check(_item(), decision)
    assert fault.value.args == (code, "i")


@given(st.text())
def test_a_proposal_can_be_read_back_whatever_was_written(text: str) -> None:
    item = _item("person") | {"id": "a-1", "content": {"text": text}}
    assert access.read("".join(access.proposal([item]))) == {"a-1": access.default(item)}


@pytest.mark.parametrize(
    "text", ["[[item", "[[item]]\nid = 'x'\nopenness = 'shut'", "item = 3", "[[item]]\nid='x'"]
)
def test_a_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadDecision):
        access.check(_item(), *access.read(text).values())
