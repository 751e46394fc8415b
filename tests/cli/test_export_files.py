"""What an export writes: cells that are no formulas, and a folder that is there whole or not at all."""

import csv
import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.export.cells import is_formula, plain, row, safe
from services.cli.export.folder import whole
from services.runtime.backup import FolderTaken


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+47 99",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
        "\u200e=1",
        "\ufeff=1",
        "\ttext",
    ],
)
def test_what_a_spreadsheet_could_take_for_a_formula_is_marked(text: str) -> None:
    assert is_formula(text)
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Vannlekkasje", "2 pumper", "a=b", "«Ask»", "æøå"])
def test_words_and_numbers_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


@given(st.text())
def test_whatever_was_written_can_be_read_back_and_is_no_formula(text: str) -> None:
    assert plain(safe(text)) == text
    assert not is_formula(safe(text))


@given(st.lists(st.text().filter(lambda text: "\0" not in text), min_size=1, max_size=4))
def test_a_line_of_a_table_is_read_back_cell_by_cell(cells: list[str]) -> None:
    (found,) = csv.reader(io.StringIO(row(cells), newline=""), strict=True)
    assert [plain(cell) for cell in found] == cells


def _broken_off(folder: Path) -> None:
    with whole(folder) as half:
        (half / "facts.jsonl").write_text("half")
        assert not folder.exists()
        raise RuntimeError("power")


def test_an_export_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="power"):
        _broken_off(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with whole(tmp_path / "out") as folder:
        (folder / "sealed").mkdir()
        (folder / "sealed" / "a file.txt").write_text("hel")
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True)  # noqa: S607
    with pytest.raises(FolderTaken):
        _broken_off(tmp_path / "out")
