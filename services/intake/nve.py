"""Reads NVE's flood and landslide warnings: JSON that repeats one warning per municipality and day.

One warning is one (danger, EventId, day); its Version is the revision. A record repeats for each municipality
that was asked for, while its ``MunicipalityCsvString`` holds all that the warning covers, also in other
counties: both are taken together. Where records of one warning differ, the highest Version that names a
municipality holds there. EventId «xxx» is no warning and gives nothing; an event that fell back to level 1 is
a quiet one.

Times have no offset and no zone, so they are read as Europe/Oslo and marked so (``assumed_zone``).
Source to be named with every use: «Varsler fra Flom- og jordskredvarslingen, www.varsom.no».
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_pascal

from services.intake.json import read
from services.intake.places import touched
from services.intake.warning import SEVERITIES, OfficialWarning, ParseRefused, moment, text_of
from services.words.norway import OSLO

NO_EVENT = "xxx"
WEB = "https://www.varsom.no/"
LANGUAGES = {1: "nb", 2: "en"}
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:\d\d)$")

Word = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
Number = Annotated[str, Field(pattern=r"^[0-9]{4}$")]


class _Place(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, frozen=True, hide_input_in_errors=True
    )

    id: Word


class _Record(BaseModel):
    """The fields of one record that decide something; NVE sends more."""

    model_config = ConfigDict(
        alias_generator=to_pascal, populate_by_name=True, frozen=True, hide_input_in_errors=True
    )

    event_id: Annotated[Word, Field(pattern=r"^[A-Za-z0-9-]{1,40}$")]
    version: Annotated[int, Field(ge=0, le=1_000_000)]
    lang_key: Annotated[int, Field(ge=1, le=2)]
    cap_status: Annotated[str, Field(pattern=r"(?i)^(actual|exercise|test)$")]
    activity_level: Annotated[Word, Field(pattern=r"^[0-4]$")]
    danger_type: Annotated[Word, Field(pattern=r"^[A-Za-z0-9]{1,20}$")] | None = None
    danger_type_name: str | None = None
    valid_from: str
    valid_to: str
    publish_time: str
    danger_decrease_date_time: str | None = None
    main_text: str | None = None
    warning_text: str | None = None
    advice_text: str | None = None
    consequence_text: str | None = None
    county_list: list[_Place] | None = None
    municipality_list: list[_Place] | None = None
    municipality_csv_string: str | None = None

    @property
    def level(self) -> int:
        """Awareness level 1 to 4; 0, not assessed, counts as 1."""
        return max(1, int(self.activity_level))

    @property
    def danger(self) -> str:
        """The danger as a code: ``flood``, ``landslide``, or NVE's own number."""
        name = (self.danger_type_name or "").casefold()
        if "skred" in name or "slide" in name:
            return "landslide"
        return "flood" if "flo" in name else self.danger_type or "unknown"

    @property
    def day(self) -> str:
        """The day in Norway on which it begins to hold."""
        return moment(self.valid_from, "ValidFrom", OSLO).astimezone(OSLO).date().isoformat()

    def numbers(self) -> tuple[str, ...]:
        """Every municipality that the record covers."""
        listed = (self.municipality_csv_string or "").replace(";", " ").split()
        listed += [place.id for place in self.municipality_list or ()]
        counties = {place.id for place in self.county_list or ()}
        on = moment(self.valid_from, "ValidFrom", OSLO).date()
        try:
            return tuple(_NUMBERS.validate_python(touched(set(listed), counties, on)))
        except ValidationError:
            raise ParseRefused("WRONG_SHAPE", field="MunicipalityCsvString") from None


_RECORDS = TypeAdapter(list[_Record])
_NUMBERS = TypeAdapter(list[Number])


def parse(raw: bytes) -> list[OfficialWarning]:
    """The warnings in one answer of NVE's flood or landslide service, at most 2 MiB, by day.

    Raises ParseRefused.
    """
    records = read(raw, _RECORDS.validate_python)
    if len({record.cap_status.casefold() for record in records}) > 1:
        raise ParseRefused("MODES_MIXED")
    groups: dict[tuple[str, str, str], list[_Record]] = {}
    for record in records:
        if record.event_id != NO_EVENT:
            groups.setdefault((record.day, record.danger, record.event_id), []).append(record)
    return [
        _warning(danger, event, day, group)
        for (day, danger, event), group in sorted(groups.items(), key=_first)
    ]


def _first(item: tuple[tuple[str, str, str], list[_Record]]) -> tuple[str, str, str]:
    return item[0]


def _warning(danger: str, event: str, day: str, records: list[_Record]) -> OfficialWarning:
    levels, standing = _standing(records)
    awareness = max((record.level for record in standing), default=1)
    revision = max(record.version for record in standing)
    published = [_time(record.publish_time, "PublishTime") for record in standing]
    return OfficialWarning(
        source="nve",
        key=f"nve:{danger}:{event}:{day}",
        revision=revision,
        thread=f"nve:{danger}:{event}",
        kind="alert" if revision <= 1 else "update",
        status=_status(records[0]),
        event=danger,
        severity=SEVERITIES[awareness - 1],
        awareness=awareness,
        levels=tuple(sorted(levels.items())) if len(set(levels.values())) > 1 else (),
        municipalities=tuple(sorted(levels)),
        counties=tuple(sorted({number[:2] for number in levels})),
        sent=max(published),
        effective=min(published),
        onset=min(_time(record.valid_from, "ValidFrom") for record in standing),
        expires=max(_time(record.valid_to, "ValidTo", fold=1) for record in standing),
        event_ends=max(_ends(standing), default=None),
        assumed_zone=any(_zoneless(record) for record in standing),
        quiet=awareness == 1,
        texts=_texts(standing),
    )


def _standing(records: list[_Record]) -> tuple[dict[str, int], list[_Record]]:
    """The level of each municipality, and the records that say so, gravest first and each text once."""
    holds: dict[tuple[str, int], _Record] = {}
    for record in records:
        for number in record.numbers():
            place = (number, record.lang_key)
            if place not in holds or _rank(record) > _rank(holds[place]):
                holds[place] = record
    levels: dict[str, int] = {}
    for (number, _), record in holds.items():
        levels[number] = max(levels.get(number, 1), record.level)
    standing = list({id(record): record for record in holds.values()}.values()) or records
    return levels, sorted(standing, key=lambda record: (-record.level, record.lang_key, -record.version))


def _rank(record: _Record) -> tuple[int, int]:
    return record.version, record.level


def _texts(standing: list[_Record]) -> tuple[Any, ...]:
    texts = (
        text_of(
            LANGUAGES[record.lang_key],
            {
                "headline": record.main_text,
                "description": record.warning_text,
                "instruction": record.advice_text,
                "consequence": record.consequence_text,
                "web": WEB,
            },
        )
        for record in standing
    )
    return tuple({text.model_dump_json(): text for text in texts}.values())


def _ends(standing: list[_Record]) -> Iterable[datetime]:
    for record in standing:
        if record.danger_decrease_date_time:
            yield _time(record.danger_decrease_date_time, "DangerDecreaseDateTime", fold=1)


def _time(text: str, field: str, fold: int = 0) -> datetime:
    return moment(text, field, OSLO, fold)


def _zoneless(record: _Record) -> bool:
    times = (record.valid_from, record.valid_to, record.publish_time)
    return not all(_OFFSET.search(text) for text in times)


def _status(record: _Record) -> Any:
    return record.cap_status.casefold()
