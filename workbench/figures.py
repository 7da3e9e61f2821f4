"""`make figures`: writes what was measured into docs/_generated, and the pages that show it.

Every figure that is published comes through here. With `--check` nothing is written: the exit
code is 1 when something that is published is no longer what is measured. Either way it is 1 when
the control of the measurement does not hold.
"""

import difflib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench import compare, figure_tables, listings
from workbench.arguments import Parser
from workbench.compare.wording import control_verdict
from workbench.environment import ROOT, Problem, python_version

Json = dict[str, Any]

README = Path("docs/_generated/readme.md")
SUMMARY = Path("docs/_generated/summary.md")
WORSE = Path("docs/_generated/worse.md")
WORSE_ALL = Path("docs/_generated/worse_all.md")
FAILURE_POINTS = Path("docs/_generated/failure_points.md")
TEST_OUTPUT = Path("docs/_generated/test_output.md")
OUT = Path("build/comparison")


def main(argv: Sequence[str]) -> int:
    """Measure, then write or check; 1 for stale or red. Raises Problem when it cannot."""
    parser = Parser(
        "figures: {}; accepted is --check, or nothing.",
        prog="python3 -m workbench figures",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when stale")
    check = parser.parse_args(argv).check
    if check:
        refuse_other_python(read(README) or "")
    exit_code = compare.main(["--out", str(OUT)])
    if exit_code:
        return exit_code
    result = json.loads((OUT / "comparison.json").read_text(encoding="utf-8"))
    stale = {path: text for path, text in published(result).items() if read(path) != text}
    for path, text in stale.items():
        if check:
            print(difference(path, text))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"Wrote {path}.")
    if not check:
        for page in listings.write(Path()):
            print(f"Wrote {page}.")
    if check and stale:
        print(f"Stale: {', '.join(map(str, stale))}. `make figures` writes them anew.")
    if not stale:
        print("Everything published is what is measured.")
    control = result["figures"]["control"]
    if not control["holds"]:
        print(control_verdict(control), "So the figures are not to be trusted.")
    return 1 if (check and stale) or not control["holds"] else 0


def refuse_other_python(published: str) -> None:
    """Raise Problem when what is published was measured with another Python than this one."""
    measured_with = re.search(r"with Python (\d+\.\d+)", published)
    if measured_with and measured_with[1] != python_version():
        raise Problem(
            f"The published figures were measured with Python {measured_with[1]}, and this is"
            f" {python_version()}: call `make figures` with the same one, or without --check."
        )


def published(result: Json) -> dict[Path, str]:
    """Return every file that holds figures, with its text as it should be."""
    return {
        README: figure_tables.for_readme(result),
        SUMMARY: figure_tables.summary(result["figures"]),
        WORSE: figure_tables.worse(result["figures"]),
        WORSE_ALL: figure_tables.worse_all(result["figures"]),
        FAILURE_POINTS: failure_points(),
        TEST_OUTPUT: test_output(),
    }


def failure_points() -> str:
    """Return the table of where each use case can fail. Raises Problem when there is none."""
    command = [sys.executable, "-m", "tests.equivalence.failure_points"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise Problem(f"The failure points cannot be counted:\n{done.stderr}")
    return done.stdout


def test_output() -> str:
    """Return what `make test` ends in, without the times. Raises Problem when it is red."""
    command = [sys.executable, "-m", "workbench", "test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise Problem(f"`make test` fails:\n{done.stdout}{done.stderr}")
    *_, rows, _what_they_mean = done.stdout.split("\n\n")
    # They are different on every machine.
    rows = re.sub(r"[\d.]+ (s|ms)\b", lambda time: f"… {time[1]}".rjust(len(time[0])), rows)
    return f"```text\n{rows}\n```\n"


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def difference(path: Path, text: str) -> str:
    """The lines of a file that are not what they should be."""
    names = f"{path}, as published", f"{path}, as measured"
    old, new = (read(path) or "").splitlines(), text.splitlines()
    return "\n".join(difflib.unified_diff(old, new, *names, lineterm="", n=0))
