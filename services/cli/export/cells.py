"""Cells of a CSV file that no spreadsheet takes for a formula. Pure.

A cell is taken for a formula by its first sign, also behind white space and controls, and in full width
(OWASP, CSV injection). Such a cell gets an apostrophe before it, which spreadsheets show as text.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

MARK = "'"
_SIGNS = frozenset("=+-@|%")
_BREAKS = frozenset("\t\r\n")


def safe(text: str) -> str:
    """The text as a cell that is no formula; ``plain`` gives it back."""
    return f"{MARK}{text}" if text.startswith(MARK) or is_formula(text) else text


def plain(cell: str) -> str:
    """What was made safe, as it was."""
    return cell[1:] if cell.startswith(MARK) else cell


def is_formula(text: str) -> bool:
    """True if a spreadsheet could take the text for a formula, or split the cell at its beginning."""
    if text[:1] in _BREAKS and text:
        return True
    seen = next((one for one in text if not _is_passed_over(one)), "")
    return any(one in _SIGNS for one in unicodedata.normalize("NFKC", seen))


def row(cells: Iterable[object]) -> str:
    """One line of a CSV file, every cell quoted; None is empty."""
    line = io.StringIO(newline="")
    written: Sequence[str] = [safe("" if cell is None else str(cell)) for cell in cells]
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(written)
    return line.getvalue()


def _is_passed_over(sign: str) -> bool:
    """White space, controls and marks of direction, which are not seen before a formula."""
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Zs", "Zl", "Zp")
