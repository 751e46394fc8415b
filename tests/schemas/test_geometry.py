"""Areas as other programs write them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.geometry import corners
from schemas.incidents import Area

AREA: TypeAdapter[list[str]] = TypeAdapter(Area)
POSITIONS = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
ODD = st.one_of(
    st.none(), st.booleans(), st.text(max_size=3), st.floats(), st.sampled_from([10**400, -(10**400), 2**63])
)
ANYTHING = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "geometry", "coordinates"]), inner, max_size=3)
    ),
    max_leaves=12,
)


def polygon(ring: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [ring]}


@given(st.lists(POSITIONS, min_size=3, max_size=20))
def test_a_polygon_becomes_corners_that_the_log_takes(ring: list[tuple[float, float]]) -> None:
    found = corners({"type": "Feature", "geometry": polygon([*ring, ring[0]])})
    assert len(found) >= len(ring)
    assert AREA.validate_python(found) == found


@given(
    st.one_of(ANYTHING, st.lists(st.lists(ODD, max_size=3), max_size=4).map(polygon), ANYTHING.map(polygon))
)
def test_whatever_is_said_to_be_an_area_gives_corners_or_a_refusal(said: Any) -> None:
    try:
        found = corners(said)
    except ValueError:
        return
    assert all(-90 <= float(one.partition(",")[0]) <= 90 for one in found)


def test_a_position_is_written_in_the_digits_that_every_reader_knows() -> None:
    with pytest.raises(ValueError, match="pattern"):
        AREA.validate_python(["\u0665\u0669.9,10.7"] * 3)


def test_a_number_that_is_too_large_is_no_position() -> None:
    with pytest.raises(ValueError, match="no ring"):
        corners(polygon([[10**400, 60]]))
