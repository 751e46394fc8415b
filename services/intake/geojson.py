"""Reads MET's MetAlerts GeoJSON: the warnings that hold now, in one language, a feature or more for each.

The identifier is that of the CAP message, so a warning is one whichever way it came. The form is ``brief``:
it says neither when the warning was sent nor its urgency, and as a rule not what it replaces; the CAP message
of the same identifier says more and takes its place. ``responseType`` is missing too: an Update at level 1 is
what MET sends when the danger is over, so it is an all-clear. A Cancel that does not say what it takes back
is taken in nevertheless, since a warning sent by mistake has to be called off.

Places: the municipality numbers decide, then the counties, as for CAP. Polygons are handed on with latitude
first, as CAP writes them, outer rings only; no border is known here, so a polygon alone addresses nobody.
"""

import math
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from services.intake import cap, fields, places
from services.intake.json import read
from services.intake.warning import (
    ENDS,
    SEVERITIES,
    OfficialWarning,
    ParseRefused,
    moment,
    text_of,
)

SOURCE = "met"
LANGUAGE = "no"
MAX_FEATURES = 2_000
_DECIMALS = 6
"""Of a degree: a tenth of a metre."""

Number = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
Position = Annotated[list[float], Field(min_length=2, max_length=4)]
Ring = Annotated[list[Position], Field(min_length=3, max_length=50_000)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class _Geometry(_Read):
    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]

    def rings(self) -> list[list[list[float]]]:
        """The outer ring of each polygon. Raises ValidationError."""
        polygons = self.coordinates if self.type == "MultiPolygon" else [self.coordinates]
        return [rings[0] for rings in _POLYGONS.validate_python(polygons)]


class _Properties(_Read):
    """The properties that decide something; MET sends more."""

    id: Annotated[str, Field(pattern=rf"^{fields.NAME.pattern}$")]
    type: Literal["Alert", "Update", "Cancel"]
    status: Literal["Actual", "Exercise", "Test"]
    event: str | None = None
    severity: str = "Unknown"
    certainty: str | None = None
    awareness_level: str | None = None
    references: str | None = None
    title: str | None = None
    description: str | None = None
    instruction: str | None = None
    consequences: str | None = None
    area: str | None = None
    web: str | None = None
    county: list[Number] = []
    municipality: list[Number] = []
    municipality_ids: Annotated[str | None, Field(alias="MunicipalityId")] = None
    ends: Annotated[str | None, Field(alias="eventEndingTime")] = None

    @property
    def level(self) -> int:
        """Awareness level 1 to 4, as CAP's is read."""
        said = [] if self.awareness_level is None else [("awareness_level", self.awareness_level)]
        return cap.awareness(said, self.severity)

    def numbers(self) -> frozenset[str]:
        """The municipalities that it names."""
        listed = ";".join([*self.municipality, self.municipality_ids or ""])
        return frozenset(places.municipalities([("MunicipalityId", listed)]))


class _When(_Read):
    interval: Annotated[list[str], Field(max_length=2)] = []


class _Feature(_Read):
    type: Literal["Feature"]
    properties: _Properties
    geometry: _Geometry | None = None
    when: _When = _When()


class _Collection(_Read):
    type: Literal["FeatureCollection"]
    features: Annotated[list[_Feature], Field(max_length=MAX_FEATURES)]
    lang: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{2,20}$")] = LANGUAGE


_POLYGONS = TypeAdapter(list[Annotated[list[Ring], Field(min_length=1)]])


def parse(raw: bytes) -> list[OfficialWarning]:
    """The warnings in an answer of MetAlerts of at most 2 MiB, in its order. Raises ParseRefused."""
    found = read(raw, _Collection.model_validate)
    groups: dict[str, list[_Feature]] = {}
    for feature in found.features:
        groups.setdefault(feature.properties.id, []).append(feature)
    return [_warning(features, found.lang) for features in groups.values()]


def _warning(features: list[_Feature], language: str) -> OfficialWarning:
    gravest = max((feature.properties for feature in features), key=lambda properties: properties.level)
    key, awareness = gravest.id, gravest.level
    kind: Any = "all_clear" if gravest.type == "Update" and awareness == 1 else gravest.type.lower()
    replaces = cap.references(gravest.references or "", key)
    return OfficialWarning(
        source=SOURCE,
        key=key,
        thread=replaces[0] if replaces else key,
        replaces=replaces,
        brief=True,
        sent=None,
        kind=kind,
        status=cap.STATUSES[gravest.status],
        event=fields.code([gravest.event or ""]),
        severity=gravest.severity if gravest.severity in SEVERITIES else None,
        certainty=gravest.certainty if gravest.certainty in cap.CERTAINTIES else None,
        awareness=awareness,
        quiet=awareness == 1 and kind not in ENDS,
        texts=_texts(features, language),
        polygons=_polygons(features),
        **_when(features),
        **_where(features),
    )


def _when(features: list[_Feature]) -> dict[str, Any]:
    intervals = [feature.when.interval for feature in features]
    ends = [feature.properties.ends for feature in features]
    return {
        "onset": min((moment(pair[0], "interval") for pair in intervals if pair), default=None),
        "expires": max((moment(pair[1], "interval") for pair in intervals if len(pair) == 2), default=None),
        "event_ends": max((moment(end, "eventEndingTime") for end in ends if end), default=None),
    }


def _where(features: list[_Feature]) -> dict[str, Any]:
    numbers = {number for feature in features for number in feature.properties.numbers()}
    counties = {county for feature in features for county in feature.properties.county}
    if not all(county.isascii() and county.isdigit() and len(county) == 2 for county in counties):
        raise ParseRefused("BAD_VALUE", field="county")
    begins = _when(features)["onset"]
    on = date.max if begins is None else begins.date()
    return {
        "municipalities": places.touched(numbers, counties, on),
        "counties": tuple(sorted(counties or {number[:2] for number in numbers})),
    }


def _texts(features: list[_Feature], language: str) -> tuple[Any, ...]:
    texts = (
        text_of(
            language,
            {
                "headline": said.title,
                "description": said.description,
                "instruction": said.instruction,
                "consequence": said.consequences,
                "area": said.area,
                "web": said.web,
            },
        )
        for said in (feature.properties for feature in features)
    )
    return tuple({text.model_dump_json(): text for text in texts}.values())


def _polygons(features: list[_Feature]) -> tuple[str, ...]:
    try:
        rings = [ring for feature in features if feature.geometry for ring in feature.geometry.rings()]
    except ValidationError:
        raise ParseRefused("BAD_VALUE", field="coordinates") from None
    written = (" ".join(_pair(position) for position in ring) for ring in rings)
    return tuple(dict.fromkeys(places.polygons(written)))


def _pair(position: list[float]) -> str:
    """Longitude and latitude of GeoJSON as CAP writes them."""
    east, north = position[:2]
    if not (math.isfinite(east) and abs(east) <= 180 and math.isfinite(north) and abs(north) <= 90):
        raise ParseRefused("BAD_VALUE", field="coordinates")
    return f"{_degrees(north)},{_degrees(east)}"


def _degrees(value: float) -> str:
    return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
