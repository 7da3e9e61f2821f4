"""The planted changes: small mistakes written by hand, each with the place where it is made."""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from workbench.environment import Problem

CHANGES = Path("tests/planted.toml")
# Which packages are changed. What is the same file in both packages is changed in both:
# changed in one only, comparing the two files would find it.
PACKAGES = {
    "before_mvt": ("before_mvt",),
    "after_service_layer": ("after_service_layer",),
    "both": ("before_mvt", "after_service_layer"),
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One mistake. `wrong` says in a sentence what is then wrong; `old` becomes `new` in `file`.

    `why_not_found` is empty for a change that has to be found.
    """

    id: str
    app: str
    file: str
    wrong: str
    old: str
    new: str
    why_not_found: str = ""

    @property
    def files(self) -> list[str]:
        """The changed files, from the root of the repository."""
        return [f"{package}/{self.file}" for package in PACKAGES[self.app]]


def read_changes(path: Path = CHANGES) -> list[Change]:
    """Return all planted changes. Raises Problem for a file that cannot be read as such."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["change"]
        changes = [Change(**table) for table in tables]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Problem(f"{path} cannot be read as a list of planted changes: {error}.") from error
    ids = [change.id for change in changes]
    for change in changes:
        if ids.count(change.id) > 1:
            raise Problem(f"{path} has the id {change.id} more than once.")
        if change.app not in PACKAGES:
            raise Problem(
                f"{path}, {change.id}: the app {change.app} is none of {', '.join(PACKAGES)}."
            )
    return changes


def fingerprint(path: Path = CHANGES) -> str:
    """Return a text that differs when the list differs."""
    return sha256(path.read_text(encoding="utf-8").encode()).hexdigest()


def chosen(changes: Sequence[Change], ids: Iterable[str]) -> list[Change]:
    """Return the changes with these ids, all for none. Raises Problem for an unknown id."""
    wanted = set(ids)
    if unknown := wanted - {change.id for change in changes}:
        raise Problem(f"{CHANGES} has no change {', '.join(sorted(unknown))}.")
    return [change for change in changes if change.id in wanted or not wanted]


def misfits(changes: Iterable[Change], root: Path) -> list[str]:
    """Return a sentence for each file that a change does not apply to any more."""
    return [
        f"{change.id}: the old text is {count} times in {file}, not once."
        for change in changes
        for file in change.files
        if (count := _count(root / file, change.old)) != 1
    ]


def plant(change: Change, root: Path) -> None:
    """Make the mistake in the copy of the repository at `root`."""
    for file in change.files:
        path = root / file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")


def _count(path: Path, text: str) -> int:
    return path.read_text(encoding="utf-8").count(text) if path.is_file() else 0
