"""Municipalities are found by number and date; a name may mean several."""

import csv
from datetime import date, timedelta
from pathlib import Path

import pytest

from schemas import register

TODAY = date(2027, 1, 15)
GEO = Path(__file__).parents[3] / "shared" / "data" / "geo"


def test_norway_has_357_municipalities_and_vestland_43_of_them() -> None:
    in_use = [m for m in register.everyone() if m.holds(TODAY)]
    assert len(in_use) == 357
    assert len(register.county_members("46", TODAY)) == 43
    assert len(register.county_members("50", TODAY)) == 38


def test_every_number_stands_once() -> None:
    numbers = [m.number for m in register.everyone()]
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)


def test_a_number_is_found_only_while_it_is_in_use() -> None:
    assert register.by_number("1243", TODAY) is None
    os_then = register.by_number("1243", date(2019, 12, 31))
    assert os_then is not None
    assert os_then.name == "Os"
    assert register.by_number("4624", date(2019, 12, 31)) is None
    assert register.by_number("9999", TODAY) is None


def test_an_ambiguous_name_gives_all_who_had_it_with_their_time() -> None:
    assert [m.number for m in register.search("os")] == ["1243", "3430"]
    assert [m.number for m in register.search("ØYGARDEN")] == ["1259", "4626"]
    assert [m.number for m in register.search("Ullensvang")] == ["1231", "4618"]
    assert register.search("Ullensvang")[0].valid_to == date(2019, 12, 31)
    assert register.search("Nowhere") == ()


def test_a_name_is_found_in_each_of_its_languages() -> None:
    for said in ("Trondheim", "Tråante", "Trondheim - Tråante", "tråante"):
        assert "5001" in [m.number for m in register.search(said)]
    assert [m.number for m in register.search("Kárášjohka")] == ["5610"]


def test_a_former_municipality_leads_to_those_that_took_over() -> None:
    assert register.successors("1243") == ("4624",)
    assert register.successors("1246") == ("4626",)
    assert register.successors("1263") == ("4631",)
    assert register.successors("1231") == ("4618",)
    assert register.successors("4601") == ("4601",)
    assert register.successors("9999") == ()


def test_a_split_municipality_leads_to_all_its_parts() -> None:
    assert register.successors("1613") == ("5055", "5056", "5059")
    assert register.successors("5012") == ("5055", "5056", "5059")


def test_every_successor_is_in_use() -> None:
    for former in register.everyone():
        assert all(register.by_number(number, TODAY) for number in former.now)
        assert bool(former.now) == (former.valid_to is not None)


def test_predecessors_of_a_merged_municipality_are_known() -> None:
    assert register.predecessors("4631") == ("1256", "1260", "1263")
    assert register.predecessors("4624") == ("1241", "1243")


@pytest.mark.parametrize(
    ("former", "last_day", "now"),
    [
        ("1201", "2019-12-31", "4601"),
        ("1228", "2019-12-31", "4618"),
        ("1234", "2019-12-31", "4621"),
        ("1245", "2019-12-31", "4626"),
        ("1246", "2019-12-31", "4626"),
        ("1256", "2019-12-31", "4631"),
        ("1259", "2019-12-31", "4626"),
        ("1260", "2019-12-31", "4631"),
        ("1263", "2019-12-31", "4631"),
        ("1401", "2019-12-31", "4602"),
        ("1432", "2019-12-31", "4647"),
        ("1443", "2019-12-31", "4649"),
        ("1444", "2019-12-31", "1577"),
        ("1567", "2018-12-31", "5061"),
        ("1571", "2019-12-31", "5055"),
        ("1601", "2017-12-31", "5001"),
        ("1624", "2017-12-31", "5054"),
        ("1662", "2017-12-31", "5001"),
        ("1702", "2017-12-31", "5006"),
        ("1718", "2017-12-31", "5054"),
        ("1723", "2011-12-31", "5053"),
        ("1750", "2017-12-31", "5060"),
        ("5011", "2019-12-31", "5055"),
        ("5030", "2019-12-31", "5001"),
        ("5048", "2019-12-31", "5007"),
    ],
)
def test_an_old_number_leads_to_todays_and_says_when_it_ended(former: str, last_day: str, now: str) -> None:
    ended = date.fromisoformat(last_day)
    assert register.successors(former) == (now,)
    assert former in register.predecessors(now)
    assert register.by_number(former, ended) is not None
    assert register.by_number(former, ended + timedelta(days=1)) is None


def test_every_municipality_of_vestland_and_trondelag_knows_what_it_came_from() -> None:
    for county in ("46", "50"):
        for number in register.county_members(county, TODAY):
            assert register.predecessors(number), number


def test_every_municipality_of_the_former_counties_is_there() -> None:
    counts = {"12": 33, "14": 26, "16": 25, "17": 23}
    for county, count in counts.items():
        assert len(register.county_members(county, date(2017, 12, 31))) == count
    in_2019 = register.county_members("50", date(2019, 12, 31))
    assert len(in_2019) == 48


@pytest.mark.skipif(not GEO.exists(), reason="the recorded registers are not here")
def test_the_register_agrees_with_the_recorded_lists() -> None:
    with (GEO / "kommuner_2024.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            found = register.by_number(row["kommunenummer"], TODAY)
            assert found is not None
            assert (found.name, found.county) == (row["official_name"], row["fylkesnummer"])
    with (GEO / "former_municipalities.csv").open(encoding="utf-8") as source:
        for row in csv.DictReader(source):
            assert row["current_number"] in register.successors(row["old_number"])
