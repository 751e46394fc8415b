"""Reads where a CAP message holds: municipality numbers, counties and polygons, from its named values."""

import re
from collections.abc import Collection, Iterable
from datetime import date

from schemas import register
from services.intake.warning import MAX_POLYGON, ParseRefused

Values = list[tuple[str, str]]
"""Names and values of parameters and geocodes."""

_NUMBER = re.compile(r"\d{4}", re.ASCII)
_COUNTY = re.compile(r"(?:county:|NO-)(\d\d)$", re.ASCII)
_PAIR = re.compile(r"-?\d{1,3}(?:\.\d{1,15})?,-?\d{1,3}(?:\.\d{1,15})?", re.ASCII)


def touched(numbers: Collection[str], counties: Collection[str], on: date) -> tuple[str, ...]:
    """The municipality numbers, sorted; where there are none, all those of the counties that day."""
    if numbers:
        return tuple(sorted(numbers))
    return tuple(sorted(number for county in counties for number in register.county_members(county, on)))


def municipalities(values: Values) -> Iterable[str]:
    """The numbers in ``MunicipalityId`` and in an ``administrativeId`` of municipalities; refuses others."""
    for name, value in values:
        if name == "MunicipalityId" or (name == "administrativeId" and "municipalit" in value):
            for part in value.rpartition(":")[2].replace(";", " ").split():
                if not _NUMBER.fullmatch(part):
                    raise ParseRefused("BAD_VALUE", field=name)
                yield part


def counties(values: Values) -> Iterable[str]:
    """The county numbers in ``administrativeId``: «county:46», «NO:county:46» or «ISO-3166-2:NO-46»."""
    for name, value in values:
        if name == "administrativeId":
            found = (_COUNTY.search(part.strip()) for part in value.split(";"))
            yield from (match[1] for match in found if match)


def polygons(texts: Iterable[str | None]) -> Iterable[str]:
    """The polygons that are not too long, unchanged. Refuses what is not pairs of latitude and longitude."""
    for text in texts:
        polygon = (text or "").strip()
        if not polygon or not all(_PAIR.fullmatch(pair) for pair in polygon.split()):
            raise ParseRefused("BAD_VALUE", field="polygon")
        if len(polygon) <= MAX_POLYGON:
            yield polygon
