"""The table for the docs: which net has found which planted change."""

import re
from collections.abc import Mapping
from pathlib import Path

from workbench import listings
from workbench.planted.changes import Change, fingerprint
from workbench.planted.nets import NAMES, Outcome

TABLE = Path("docs/_generated/planted.md")

# The results of the nets for each change. A net that does not look at the app is not in it.
Found = Mapping[Change, Mapping[str, Outcome]]


def write_table(found: Found) -> None:
    """Write the table of all planted changes, and the page that shows it."""
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(table(found, fingerprint()), encoding="utf-8")
    listings.write(Path())


def is_fresh() -> bool:
    """Return whether the table was written for the current list."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.is_file() else ""
    written_for = re.search(r"sha256 ([0-9a-f]{64})", text)
    return written_for is not None and written_for[1] == fingerprint()


def table(found: Found, list_fingerprint: str) -> str:
    """Return the table in Markdown, with what each net has found in all above it."""
    return "\n".join(
        [
            f"<!-- Written by `make planted`. The list: sha256 {list_fingerprint} -->",
            "",
            f"{len(found)} planted changes, one at a time:",
            "",
            *(f"- {line}" for line in _sums(found)),
            "",
            f"| change | app | what is wrong | {' | '.join(NAMES)} |",
            f"|---|---|---|{':-:|' * len(NAMES)}",
            *(_row(change, outcomes) for change, outcomes in found.items()),
            "",
            *_explanations(found),
        ]
    )


def _sums(found: Found) -> list[str]:
    lines = []
    for name in NAMES:
        seen = [outcomes for outcomes in found.values() if name in outcomes]
        number = sum(outcomes[name].found for outcomes in seen)
        alone = sum(
            outcomes[name].found and sum(outcome.found for outcome in outcomes.values()) == 1
            for outcomes in seen
        )
        lines.append(
            f"{name} found {number} of the {len(seen)} it looks at, {alone} of them alone."
        )
    missed = sum(not is_found(outcomes) for outcomes in found.values())
    lines.append(f"Found by nothing: {missed or 'none'}.")
    return lines


def is_found(outcomes: Mapping[str, Outcome]) -> bool:
    """Return whether any net has found the change."""
    return any(outcome.found for outcome in outcomes.values())


def _row(change: Change, outcomes: Mapping[str, Outcome]) -> str:
    # A net that does not look at the app has an empty cell.
    cells = [str(outcomes.get(name, "")) for name in NAMES]
    return f"| `{change.id}` | {change.app} | {change.wrong} | {' | '.join(cells)} |"


def _explanations(found: Found) -> list[str]:
    missed = [change for change, outcomes in found.items() if not is_found(outcomes)]
    if not missed:
        return []
    reasons = [f"- `{change.id}`: {change.why_not_found}" for change in missed]
    return ["Found by nothing, and why:", "", *reasons, ""]
