"""An export is checked on a machine that has no hub, with the public key alone."""

from pathlib import Path

import pytest

from services.incidents.checkpoint import Checkpoint, public_key, sign, verifier_key
from services.incidents.evidence_format import fact_line, part_hash, proof_line
from services.incidents.tree import leaf_hash
from tests.cli.conftest import Samvirke
from tests.incidents.make import OWNER, opened

SEED = bytes(range(32))
LOG = f"actual/{OWNER}"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Four facts of a watch, the key beside them as a file, and a checkpoint of five facts kept elsewhere."""
    made = [opened() for _ in range(5)]
    leaves = [leaf_hash(one.raw) for one in made]

    def note(size: int) -> str:
        return sign(Checkpoint(LOG, size, part_hash(iter(leaves[:size])), 1_795_000_000), SEED).note()

    lines = [fact_line(LOG, leaf, one.raw, one.sealed) for leaf, one in enumerate(made[:4])]
    (tmp_path / "facts.jsonl").write_bytes(b"\n".join(lines))
    (tmp_path / "proofs.jsonl").write_bytes(
        proof_line(LOG, note(4), 4, range(4), lambda node: leaves[node[1]])
    )
    (tmp_path / "log.pub").write_text(verifier_key("samvirke", public_key(SEED)), "utf-8")
    (tmp_path / "note").write_text(note(5), "utf-8")
    return tmp_path


def test_an_export_that_is_whole_is_counted_and_what_it_cannot_show_is_said(
    samvirke: Samvirke, export: Path
) -> None:
    done = samvirke("verify", "--offline", str(export), "--key", str(export / "log.pub"), "--lang", "en")
    assert done.code == 0, done.err
    assert "4 facts of 1 logs" in done.out
    assert "kept elsewhere" in done.out
    inline = (export / "log.pub").read_text("utf-8")
    found = samvirke("verify", "--offline", str(export), "--key", inline, "--json").answer
    assert (found["facts"], found["contents"], found["first"]) == (4, 4, None)


def test_a_changed_or_cut_export_is_named_with_its_place(samvirke: Samvirke, export: Path) -> None:
    call = ("verify", "--offline", str(export), "--key", str(export / "log.pub"), "--json")
    cut = samvirke(*call, "--checkpoint", str(export / "note"))
    assert (cut.code, cut.answer["code"], cut.answer["first"]["what"]) == (1, "EXPORT_DIFFERS", "CUT")
    lines = (export / "facts.jsonl").read_bytes()
    (export / "facts.jsonl").write_bytes(lines.replace(b"Storgata", b"Smalgata"))
    changed = samvirke(*call)
    assert (changed.code, changed.answer["first"]["what"]) == (1, "CONTENT_CHANGED")


def test_what_is_no_key_is_told_apart_and_one_is_asked_for(samvirke: Samvirke, export: Path) -> None:
    assert samvirke("verify", "--offline", str(export)).code == 64
    wrong = samvirke("verify", "--offline", str(export), "--key", "a+b+c", "--json")
    assert (wrong.code, wrong.answer["code"]) == (1, "BAD_NOTE")
    gone = samvirke("verify", "--offline", str(export / "none"), "--key", str(export / "log.pub"), "--json")
    assert gone.code == 1


def test_verify_names_a_report_that_was_changed(samvirke: Samvirke, export: Path) -> None:
    whole = samvirke("verify", "--offline", str(export), "--key", str(export / "log.pub"), "--json")
    assert (whole.code, whole.answer["reports"]) == (0, 0)
    (export / "reports.jsonl").write_bytes(b"{}\n")
    ran = samvirke("verify", "--offline", str(export), "--key", str(export / "log.pub"), "--json")
    assert (ran.code, ran.answer["parameters"]["what"], ran.answer["parameters"]["log"]) == (
        1,
        "LINE",
        "reports.jsonl",
    )
