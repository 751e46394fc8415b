"""What is new, a revision or known, who is told, and what still stands."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.subjects import Place
from schemas.warnings import Published
from services.intake import parsers, rules
from services.intake.rules import Known, Warnings
from services.intake.warning import OfficialWarning

SAMPLES = Path(__file__).parent / "samples"
RAW = "ab" * 32
AT = datetime(2027, 1, 14, 9, 5, tzinfo=UTC)


def one(name: str, **changes: Any) -> OfficialWarning:
    """The warning in a sample, with other values."""
    (item,) = parsers.parse((SAMPLES / name).read_bytes())
    return item.model_copy(update=changes)


ALERT, UPDATE, EXTENDED = one("wind_alert.cap"), one("wind_update.cap"), one("wind_extended.cap")
CLEAR, CANCEL = one("wind_all_clear.cap"), one("wind_cancel.cap")
YELLOW, ORANGE = one("landslide_yellow.json"), one("landslide_orange.json")


def taken(warnings: Warnings, item: OfficialWarning) -> Published | None:
    """Decide, and take the fact in if there is one."""
    body = rules.decide(warnings, item, RAW)
    if body is not None:
        fact = rules.fact_id(item)
        place = Place("exercise", "4601", "vaktsentral", "warnings", rules.subject_id(item), "published")
        warnings.apply(Known(fact, "command", place, item.sent or AT, AT, body))
    return body


def told(warnings: Warnings, item: OfficialWarning) -> bool:
    """True if taking the item in tells anybody."""
    body = taken(warnings, item)
    return body is not None and not body.quiet


def standing(warnings: Warnings) -> list[str]:
    return [known.body.key for known in warnings.listed(None, None)]


def test_a_new_warning_is_told_once_with_all_that_it_says() -> None:
    warnings = Warnings()
    body = taken(warnings, ORANGE)
    assert body is not None
    assert not body.quiet
    assert body.municipalities == list(ORANGE.municipalities)
    assert body.levels == dict(ORANGE.levels)
    assert (body.key, body.revision, body.awareness, body.raw) == (ORANGE.key, 2, 3, RAW)
    assert body.assumed_zone
    assert taken(warnings, ORANGE) is None


def test_the_same_content_sent_again_at_another_time_is_known() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    assert taken(warnings, ALERT.model_copy(update={"sent": AT.replace(hour=20)})) is None


def test_a_higher_version_is_told_and_takes_the_place_of_the_lower() -> None:
    warnings = Warnings()
    assert told(warnings, YELLOW)
    assert told(warnings, ORANGE)
    assert [known.body.revision for known in warnings.listed(None, None)] == [2]
    assert [known.body.revision for known in warnings.listed(None, YELLOW.thread)] == [2, 1]


def test_a_lower_version_that_comes_late_changes_nothing() -> None:
    warnings = Warnings()
    taken(warnings, ORANGE)
    assert taken(warnings, YELLOW) is None


def test_an_update_stays_in_the_thread_of_what_it_replaces() -> None:
    warnings = Warnings()
    for item in (ALERT, UPDATE, EXTENDED):
        body = taken(warnings, item)
        assert body is not None
        assert body.thread == ALERT.key
    assert standing(warnings) == [EXTENDED.key]
    assert warnings.is_open("met", ALERT.key)


def test_an_update_that_names_only_its_nearest_predecessor_joins_the_known_thread() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    taken(warnings, UPDATE)
    short = EXTENDED.model_copy(update={"replaces": (UPDATE.key,), "thread": UPDATE.key})
    body = taken(warnings, short)
    assert body is not None
    assert body.thread == ALERT.key


def test_an_all_clear_closes_the_thread_and_is_told() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    taken(warnings, UPDATE)
    assert told(warnings, CLEAR)
    assert not warnings.is_open("met", ALERT.key)
    assert standing(warnings) == [CLEAR.key]


def test_a_cancel_closes_the_thread() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    assert told(warnings, CANCEL)
    assert not warnings.is_open("met", ALERT.key)


def test_a_warning_that_was_replaced_before_it_came_is_kept_quietly_in_the_same_thread() -> None:
    warnings = Warnings()
    assert told(warnings, CLEAR)
    assert not told(warnings, UPDATE)
    assert warnings.thread_of(UPDATE) == warnings.thread_of(CLEAR)
    assert not warnings.is_open("met", warnings.thread_of(UPDATE))
    assert standing(warnings) == [CLEAR.key]


def test_another_sender_cannot_end_a_warning() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    taken(warnings, CANCEL.model_copy(update={"source": "post@nabo.example"}))
    assert warnings.is_open("met", ALERT.key)
    assert ALERT.key in standing(warnings)


def test_a_green_item_is_kept_quietly_and_its_thread_is_not_open() -> None:
    warnings = Warnings()
    taken(warnings, YELLOW)
    green = YELLOW.model_copy(update={"revision": 3, "awareness": 1, "quiet": True, "kind": "update"})
    assert taken(warnings, green) is not None
    assert not told(warnings, green)
    assert not warnings.is_open("nve", YELLOW.thread)


def test_other_words_under_the_same_revision_are_kept_but_alarm_nobody_again() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    body = taken(warnings, ALERT.model_copy(update={"event_code": "OET-000"}))
    assert body is not None
    assert body.quiet


def test_a_place_a_level_or_an_end_that_is_new_under_the_same_revision_is_told() -> None:
    for changes in ({"municipalities": ("1134",)}, {"awareness": 4}, {"kind": "cancel"}):
        warnings = Warnings()
        taken(warnings, ALERT)
        assert told(warnings, ALERT.model_copy(update=changes)), changes


def test_only_warnings_in_the_municipality_are_listed() -> None:
    warnings = Warnings()
    taken(warnings, UPDATE)
    taken(warnings, YELLOW)
    assert [known.body.key for known in warnings.listed("1134", None)] == [YELLOW.key]
    assert list(warnings.listed("5001", None)) == []


def test_a_message_of_another_mode_or_of_a_technical_test_is_unfit() -> None:
    assert rules.unfit([ALERT], "exercise") is None
    assert rules.unfit([ALERT], "actual") == "STATUS"
    trial = ALERT.model_copy(update={"status": "test"})
    assert [rules.unfit([trial], mode) for mode in ("actual", "exercise")] == ["STATUS", "STATUS"]


def test_text_that_would_not_fit_into_an_answer_is_refused_and_never_cut() -> None:
    long = ALERT.texts[0].model_copy(update={"description": "æ" * 20_000})
    assert rules.unfit([ALERT.model_copy(update={"texts": (long,) * 70})], "exercise") is None
    assert rules.unfit([ALERT.model_copy(update={"texts": (long,) * 80})], "exercise") == "TEXT_TOO_LONG"
    assert (
        rules.content_of(ALERT.model_copy(update={"texts": (long,)}))["texts"][0]["description"]
        == "æ" * 20_000
    )


EVERY = (ALERT, UPDATE, EXTENDED, CLEAR, YELLOW, ORANGE)


@given(st.lists(st.sampled_from(EVERY), max_size=20))
def test_in_any_order_each_item_is_told_once_at_most_and_what_was_ended_never_stands_again(
    order: list[OfficialWarning],
) -> None:
    warnings = Warnings()
    alarms = [rules.fact_id(item) for item in order if told(warnings, item)]
    assert len(alarms) == len(set(alarms))
    for item in (UPDATE, EXTENDED) if CLEAR in order else ():
        assert item.key not in standing(warnings)


BRIEF = one("wind_alert.geojson")


def test_a_warning_known_from_cap_is_nothing_new_as_geojson() -> None:
    warnings = Warnings()
    assert told(warnings, ALERT)
    assert taken(warnings, BRIEF) is None
    assert taken(warnings, BRIEF.model_copy(update={"awareness": 4})) is None


def test_the_cap_message_takes_the_place_of_its_geojson_without_a_second_alarm() -> None:
    warnings = Warnings()
    assert told(warnings, BRIEF)
    body = taken(warnings, ALERT)
    assert body is not None
    assert (body.quiet, body.brief) == (True, False)
    assert [known.body.brief for known in warnings.listed(None, None)] == [False]
    assert taken(warnings, BRIEF) is None
    assert taken(warnings, ALERT) is None


def test_geojson_again_with_other_words_is_kept_quietly() -> None:
    warnings = Warnings()
    assert told(warnings, BRIEF)
    body = taken(warnings, BRIEF.model_copy(update={"texts": ALERT.texts[1:]}))
    assert body is not None
    assert body.quiet


def test_the_cap_message_of_an_update_ends_what_its_geojson_could_not_name() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    short = UPDATE.model_copy(update={"brief": True, "replaces": (), "thread": UPDATE.key, "sent": None})
    assert told(warnings, short)
    assert standing(warnings) == [UPDATE.key, ALERT.key]
    assert not told(warnings, UPDATE)
    assert standing(warnings) == [UPDATE.key]


def test_an_end_that_comes_after_its_geojson_of_another_kind_is_told() -> None:
    warnings = Warnings()
    taken(warnings, ALERT)
    short = CLEAR.model_copy(update={"brief": True, "replaces": (), "thread": CLEAR.key, "kind": "update"})
    taken(warnings, short)
    assert told(warnings, CLEAR)
