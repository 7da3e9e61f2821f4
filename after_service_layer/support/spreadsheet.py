"""Tables for a spreadsheet program, as CSV."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

# With these a spreadsheet program takes a text for a formula, and runs it:
# https://owasp.org/www-community/attacks/CSV_Injection
STARTS_OF_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[str | int]]) -> str:
    """Return rows as CSV. A text that would be run as a formula gets an apostrophe in front."""
    text = StringIO()
    csv.writer(text).writerows([_defused(cell) for cell in row] for row in rows)
    return text.getvalue()


def plain_euros(cents: int) -> str:
    """Return an amount in cents as a number of euros: `-1250` is `-12.50`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02}"


def _defused(cell: str | int) -> str | int:
    if isinstance(cell, str) and cell.startswith(STARTS_OF_A_FORMULA):
        return "'" + cell
    return cell
