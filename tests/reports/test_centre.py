"""Templates in the centre file: they come into force, and name those who exist."""

from pathlib import Path

import pytest

from schemas.centre import CentreRefused, load
from schemas.centre_entries import entries
from schemas.reports import SetTemplate
from schemas.vocabulary import Mode
from services.cli import applying

ASK = Path(__file__).parents[2] / "deploy" / "exercises" / "ask-centre.yaml"


def test_every_entry_of_a_centre_file_is_sent_when_it_is_applied() -> None:
    found = list(entries(load(ASK), Mode.EXERCISE))
    sent = [entry for stage in applying._stages(found) for row in stage for entry in row]
    assert sorted(entry.id for entry in sent) == sorted(entry.id for entry in found)


def test_each_watch_that_a_template_names_has_it() -> None:
    made = [entry.request for entry in entries(load(ASK), Mode.EXERCISE)]
    templates = [one for one in made if isinstance(one, SetTemplate)]
    places = [(one.template, one.where) for one in templates]
    assert len(set(places)) == len(places) == 10
    alone = [one.where for one in templates if not one.second_person]
    assert alone == ["4618.vakt"]


def test_a_template_that_names_nobody_is_refused(tmp_path: Path) -> None:
    text = ASK.read_text("utf-8").replace("receivers: [sf-vestland]", "receivers: [ingen]")
    wrong = tmp_path / "centre.yaml"
    wrong.write_text(text, encoding="utf-8")
    with pytest.raises(CentreRefused) as refused:
        load(wrong)
    assert "UNKNOWN_ORGANISATION" in {problem.code for problem in refused.value.problems}
