"""Ids and the references that people say on the phone."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.identifiers import TOKEN, derived_id, id_time, new_id, new_ref, read_ref

_CHARACTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_an_id_carries_its_moment_and_fits_in_a_subject() -> None:
    now = datetime(2027, 1, 15, 5, 49, 0, 123000, tzinfo=UTC)
    made = new_id(now)
    assert id_time(made) == now
    assert TOKEN.fullmatch(made)


def test_ids_made_at_the_same_moment_differ() -> None:
    now = datetime(2027, 1, 15, tzinfo=UTC)
    assert len({new_id(now) for _ in range(1000)}) == 1000


def test_a_derived_id_is_the_same_for_the_same_parts_and_carries_no_time() -> None:
    assert derived_id("a", "b") == derived_id("a", "b") != derived_id("ab", "")
    assert id_time(derived_id("a", "b")) is None
    assert id_time("not an id") is None


@given(
    st.one_of(
        st.uuids().map(lambda id: f"{str(id)[:14]}7{str(id)[15:19]}a{str(id)[20:]}"), st.text(max_size=40)
    )
)
@example("ffffffff-ffff-7fff-bfff-ffffffffffff")
def test_an_id_that_somebody_has_made_up_carries_a_moment_or_none(id: str) -> None:
    found = id_time(id)
    assert found is None or found.tzinfo is UTC


def test_a_reference_reads_back_however_it_was_said() -> None:
    for _ in range(200):
        ref = new_ref()
        assert read_ref(ref) == ref
        assert read_ref(f" {ref[:3].lower()}-{ref[3:].lower()} ") == ref
        assert read_ref(ref.replace("0", "o").replace("1", "l")) == ref


@given(place=st.integers(0, 6), character=st.sampled_from(_CHARACTERS))
def test_one_wrong_character_is_always_noticed(place: int, character: str) -> None:
    ref = new_ref()
    wrong = ref[:place] + character + ref[place + 1 :]
    assert wrong == ref or read_ref(wrong) is None


@given(place=st.integers(0, 4))
def test_two_swapped_characters_are_always_noticed(place: int) -> None:
    ref = new_ref()
    swapped = ref[:place] + ref[place + 1] + ref[place] + ref[place + 2 :]
    assert swapped == ref or read_ref(swapped) is None


@given(st.text(max_size=12))
def test_any_text_is_a_reference_or_none(said: str) -> None:
    found = read_ref(said)
    assert found is None or read_ref(found) == found
