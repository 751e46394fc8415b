"""The centre file is taken as a whole, or refused with every problem, its line and its reason."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from schemas import centre, people, records
from schemas.centre import Centre, CentreRefused, Problem
from schemas.centre_entries import entries
from schemas.directory import Directory
from schemas.feeds import Agree, Agreed
from schemas.vocabulary import DutyFunction, Mode, Priority

EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "bergen.toml"
NEIGHBOURS = ("4627", "4626", "4631", "4624", "4628", "4623", "4630", "4618")
SENDERS = (
    *(f"4601.{code}" for code in ("samvirke", "vaktsentral", "respons", "lvs", "ikt", "barnevern")),
    *(f"4601.{code}" for code in ("omsorg", "kk", "overlege", "info", "ops")),
    *(f"{number}.vakt" for number in (*NEIGHBOURS, "5001")),
    *("110.vest", "pol.vest", "amk", "sf.vestland", "met", "nve", "svv"),
    *("nett", "bane", "rk", "sivf", "tbrt", "guest.event"),
)
SMALL = """
[centre]
name = "small"
title = "Small"
host = "4601"

[[organisations]]
key = "4601"
name = "Bergen"
kind = "municipality"
serves = ["4601"]

[[watches]]
key = "4601.vakt"
code = "VAKT"
name = "Vakt"

[[policies]]
code = "standard"
rules = [{ priority = "normal", steps = [{ after_s = 0, function = "primary" }] }]

[[persons]]
key = "kari"
id = "7ce0dcb8-8a31-4d1f-9d52-6c1d1b0d3a10"
name = "Kari Skodde"
organisation = "4601"
email = "kari@example.org"

[[roles]]
where = "4601.vakt"
role = "operator"
persons = ["kari"]

[[manning]]
watch = "4601.vakt"
since = 2026-01-01T00:00:00+01:00
primary = "kari"
"""


@pytest.fixture(scope="module")
def example() -> Centre:
    return centre.load(EXAMPLE)


def written(path: Path, text: str, suffix: str = ".toml") -> Path:
    file = path / f"centre{suffix}"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(path: Path, text: str, suffix: str = ".toml") -> Problem:
    with pytest.raises(CentreRefused) as caught:
        centre.load(written(path, text, suffix))
    return caught.value.problems[0]


def test_the_example_has_every_actor_of_the_exercise(example: Centre) -> None:
    found = [example.watch(sender) for sender in SENDERS]
    assert all(found)
    assert sorted(watch.sender for watch in example.watches) == sorted(SENDERS)


def test_an_actor_is_found_by_key_and_by_sender_code(example: Centre) -> None:
    fire = example.watch("110.vest")
    assert fire is not None
    assert fire.key == "110-vest.main"
    assert example.watch("110-vest.main") == fire
    assert example.watch("nobody") is None


def test_the_child_welfare_watch_is_hidden_and_pages_never_leave_it(example: Centre) -> None:
    hidden = [watch for watch in example.watches if watch.hidden]
    assert [watch.key for watch in hidden] == ["4601.barnevern"]
    policy = example.policy_of(hidden[0])
    assert policy is not None
    assert not any(step.watch for rule in policy.rules for step in rule.steps)


def test_every_watch_of_the_host_and_its_neighbours_has_backup_and_leader_but_one(example: Centre) -> None:
    manned = {manning.watch: manning.holders for manning in example.manning}
    for organisation in ("4601", *NEIGHBOURS):
        for watch in example.watches_of(organisation):
            expected = {DutyFunction.PRIMARY} if organisation == "4618" else set(DutyFunction)
            assert set(manned[watch.key]) == expected, watch.key


def test_a_critical_page_goes_on_after_3_6_and_11_minutes(example: Centre) -> None:
    watch = example.watch("4628.vakt")
    assert watch is not None
    policy = example.policy_of(watch)
    assert policy is not None
    rules = {rule.priority: rule for rule in policy.rules}
    critical = rules[Priority.CRITICAL]
    assert [(step.after_s, step.function.value, step.watch) for step in critical.steps] == [
        (0, "primary", None),
        (180, "backup", None),
        (360, "leader", None),
        (660, "primary", "4601.samvirke"),
    ]
    assert [step.after_s for step in rules[Priority.HIGH].steps] == [0, 600, 1200, 2100]
    assert [step.after_s for step in rules[Priority.NORMAL].steps] == [0]
    assert rules[Priority.NORMAL].end_s == 1800


def test_trondheim_shares_neither_region_nor_agreement_with_the_rest(example: Centre) -> None:
    apart = {"5001", "tbrt"}
    for circle in (*(r.members for r in example.regions), *(a.parties for a in example.agreements)):
        assert apart.isdisjoint(circle) or apart.issuperset(circle)


def test_the_host_has_an_agreement_with_each_neighbour_and_partner(example: Centre) -> None:
    directory = Directory()
    for entry in entries(example, Mode.EXERCISE):
        if isinstance(entry.request, Agree):
            directory.apply(Agreed.model_validate(entry.request.model_dump()))
    now = datetime(2027, 1, 15, 12, tzinfo=UTC)
    for partner in (*NEIGHBOURS, "110-vest", "pol-vest", "amk", "sf-vestland", "guest"):
        assert directory.agreed("4601", partner, now), partner
    assert not directory.agreed("4601", "guest", now + timedelta(hours=9, seconds=1))
    assert not directory.agreed("4601", "tbrt", now)


def test_no_two_types_of_incident_are_called_the_same(example: Centre) -> None:
    for lang in ("nb", "nn", "en"):
        titles = [one.title.spoken(lang) for one in example.types]
        assert sorted(set(titles)) == sorted(titles), lang


def test_every_entry_has_an_id_of_its_own_that_is_the_same_next_time(example: Centre) -> None:
    first = [entry.id for entry in entries(example, Mode.EXERCISE)]
    assert first == [entry.id for entry in entries(centre.load(EXAMPLE), Mode.EXERCISE)]
    assert len(set(first)) == len(first)
    assert set(first).isdisjoint(entry.id for entry in entries(example, Mode.ACTUAL))


def test_no_entry_but_a_contact_names_a_person(example: Centre) -> None:
    bodies = " ".join(entry.request.model_dump_json() for entry in entries(example, Mode.EXERCISE))
    for person in example.persons:
        assert person.name not in bodies
        assert f'"{person.key}"' not in bodies
        assert person.id in bodies


def test_a_changed_contact_leaves_the_id_of_its_entry(tmp_path: Path) -> None:
    def added(text: str) -> list[str]:
        made = entries(centre.load(written(tmp_path, text)), Mode.ACTUAL)
        return [entry.id for entry in made if isinstance(entry.request, people.AddPerson)]

    assert added(SMALL) == added(SMALL.replace("kari@", "k.skodde@"))


def test_people_are_invented_and_cannot_be_reached(example: Centre) -> None:
    for person in example.persons:
        assert (person.email or "").endswith("@example.org")
        assert (person.phone or "").startswith("+4799000")


def test_toml_and_yaml_say_the_same(tmp_path: Path) -> None:
    small = centre.load(written(tmp_path, SMALL))
    as_yaml = yaml.safe_dump(small.model_dump(mode="json", exclude_none=True), allow_unicode=True)
    assert centre.load(written(tmp_path, as_yaml, ".yaml")) == small


@pytest.mark.parametrize(
    ("old", "new", "code", "at"),
    [
        ('host = "4601"', 'host = "4602"', "UNKNOWN_ORGANISATION", 'host = "4602"'),
        ('serves = ["4601"]', 'serves = ["1243"]', "FORMER_MUNICIPALITY", "serves"),
        ('serves = ["4601"]', 'serves = ["9999"]', "UNKNOWN_MUNICIPALITY", "serves"),
        ('kind = "municipality"', 'kind = "guest"', "GUEST_NEEDS_END", "[[organisations]]"),
        ('kind = "municipality"', 'kind = "realm"', "FIELD_BAD", "kind"),
        ('key = "4601.vakt"', 'key = "4601.centre"', "RESERVED_WATCH", "key = "),
        ('key = "4601.vakt"', 'key = "4627.vakt"', "UNKNOWN_ORGANISATION", "key = "),
        ('code = "VAKT"', 'code = "VAKT"\ncolour = "red"', "FIELD_UNKNOWN", "colour"),
        ('code = "VAKT"\n', "", "FIELD_MISSING", "[[watches]]"),
        ('code = "VAKT"', 'code = "VAKT"\npolicy = "none"', "UNKNOWN_POLICY", "policy = "),
        ('email = "kari@example.org"', 'email = "kari"', "BAD_CONTACT", "email"),
        ("7ce0dcb8-8a31-4d1f-", "7ce0dcb8-8a31-1d1f-", "FIELD_BAD", "id = "),
        ('persons = ["kari"]', 'persons = ["ola"]', "UNKNOWN_PERSON", "persons"),
        ('role = "operator"', 'role = "reader"', "NO_ROLE", "watch = "),
        ('primary = "kari"', 'primary = "kari"\npost = "roof"', "UNKNOWN_POST", "post"),
        ("2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00", "FIELD_BAD", "since"),
        (
            'primary = "kari"',
            'primary = "kari"\nuntil = 2025-01-01T00:00:00Z',
            "ENDS_BEFORE_START",
            "until",
        ),
    ],
)
def test_what_leads_nowhere_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, code: str, at: str
) -> None:
    text = SMALL.replace(old, new)
    problem = refusal(tmp_path, text)
    assert problem.code == code
    assert problem.line is not None
    assert text.split("\n")[problem.line - 1].startswith(at)
    assert problem.reason


def test_what_stands_twice_is_refused(tmp_path: Path) -> None:
    again = SMALL[SMALL.index("[[watches]]") : SMALL.index("[[policies]]")]
    assert refusal(tmp_path, SMALL + again).code == "STANDS_TWICE"


KEPT = """
[[retention]]
where = "4601"
tag = "person"
days = 365
law = "gdpr-5-1-e"

[[retention]]
where = "4601.vakt"
of = "deliveries"
modes = ["actual"]
days = 90
law = "gdpr-5-1-e"
"""


def test_a_class_of_retention_is_proposed_once_in_each_of_its_modes(tmp_path: Path) -> None:
    found = {}
    for mode in Mode:
        for path in (tmp_path / "a", tmp_path / "b"):
            path.mkdir(exist_ok=True)
            made = entries(centre.load(written(path, SMALL + KEPT)), mode)
            found[mode, path.name] = [one for one in made if isinstance(one.request, _ORDERS)]
    actual, exercise = found[Mode.ACTUAL, "a"], found[Mode.EXERCISE, "a"]
    assert [type(one.request) for one in actual] == list(_ORDERS)
    assert [type(one.request) for one in exercise] == [records.OrderRetention]
    assert (actual, exercise) == (found[Mode.ACTUAL, "b"], found[Mode.EXERCISE, "b"]), "the same ids again"
    orders = {one.request.order for one in (*actual, *exercise)}  # type: ignore[attr-defined]
    assert len(orders) == 3
    assert {one.organisation for one in (*actual, *exercise)} == {"4601"}
    longer = centre.load(written(tmp_path, SMALL + KEPT.replace("365", "730")))
    again = {one.request.order for one in entries(longer, Mode.ACTUAL) if isinstance(one.request, _ORDERS)}
    assert len(again - orders) == 1, "a class that was changed is another proposal"


_ORDERS = (records.OrderRetention, records.OrderDeliveryTerm)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('where = "4601"', 'where = "4627"', "UNKNOWN_ORGANISATION"),
        ('where = "4601.vakt"', 'where = "4601.annen"', "UNKNOWN_WATCH"),
        ('of = "deliveries"', 'of = "deliveries"\ntag = "child"', "TAG_NOT_HERE"),
        ("days = 90", "days = 29", "TERM_TOO_SHORT"),
        ("days = 365", "days = 0", "FIELD_BAD"),
        ('of = "deliveries"\n', 'tag = "person"\n', None),
        (
            'where = "4601.vakt"\nof = "deliveries"\n',
            'where = "4601"\ntag = "person"\n',
            "STANDS_TWICE",
        ),
    ],
)
def test_a_class_of_retention_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, code: str | None
) -> None:
    assert old in KEPT
    text = SMALL + KEPT.replace(old, new)
    if code is None:
        assert len(centre.load(written(tmp_path, text)).retention) == 2
    else:
        assert refusal(tmp_path, text).code == code


def test_nothing_outlives_its_guest(tmp_path: Path) -> None:
    guest = SMALL + (
        '[[organisations]]\nkey = "guest"\nname = "G"\nkind = "guest"\nends = 2027-01-15T22:00:00+01:00\n'
        '[[agreements]]\ncode = "g"\nparties = ["4601", "guest"]\npurpose = "p"\n'
        "since = 2027-01-14T00:00:00Z\n"
    )
    assert refusal(tmp_path, guest).code == "OUTLIVES_GUEST"
    shorter = centre.load(written(tmp_path, guest + "until = 2027-01-15T21:00:00Z\n"))
    assert len(shorter.agreements) == 1


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = SMALL.replace('host = "4601"', 'host = "1"').replace('persons = ["kari"]', 'persons = ["ola"]')
    with pytest.raises(CentreRefused) as caught:
        centre.load(written(tmp_path, text))
    assert {problem.code for problem in caught.value.problems} >= {"UNKNOWN_ORGANISATION", "UNKNOWN_PERSON"}
    assert "line 5: centre.host: there is no organisation 1 [UNKNOWN_ORGANISATION]" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "suffix", "code"),
    [
        ("[centre\n", ".toml", "NOT_TOML"),
        ("a: [\n", ".yaml", "NOT_YAML"),
        ("a: 1\na: 2\n", ".yaml", "NOT_YAML"),
        ("a: &x [1]\nb: *x\n", ".yaml", "NOT_YAML"),
        ("a: !!python/object:os.system x\n", ".yml", "NOT_YAML"),
        ("- 1\n", ".yaml", "FIELD_BAD"),
        ("", ".toml", "FIELD_MISSING"),
        ("{}", ".json", "FORMAT_UNKNOWN"),
    ],
)
def test_what_is_no_centre_file_is_refused(tmp_path: Path, text: str, suffix: str, code: str) -> None:
    assert refusal(tmp_path, text, suffix).code == code


def test_a_file_that_is_not_there_is_a_problem_like_another(tmp_path: Path) -> None:
    with pytest.raises(CentreRefused) as caught:
        centre.load(tmp_path / "none.toml")
    assert caught.value.problems[0].code == "NO_FILE"


def test_the_file_has_a_json_schema() -> None:
    schema = Centre.model_json_schema()
    assert schema["additionalProperties"] is False
    assert {"organisations", "watches", "manning"} <= set(schema["properties"])
