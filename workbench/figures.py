"""`make figures`: writes what was measured into README and docs, and the listings into README.

Every figure that is published comes through here. With `--check` nothing is written: the exit
code is 1 when something that is published is no longer what is measured. Either way it is 1 when
the control of the measurement does not hold.
"""

import ast
import difflib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench import compare, figure_tables
from workbench.arguments import Parser
from workbench.compare.wording import control_verdict
from workbench.environment import ROOT, Problem, python_version

Json = dict[str, Any]

README = Path("README.md")
SUMMARY = Path("docs/_generated/summary.md")
WORSE = Path("docs/_generated/worse.md")
WORSE_ALL = Path("docs/_generated/worse_all.md")
FAILURE_POINTS = Path("docs/_generated/failure_points.md")
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
        refuse_other_python(README.read_text(encoding="utf-8"))
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
    if check and stale:
        print(f"Stale: {', '.join(map(str, stale))}. `make figures` writes them anew.")
    if not stale:
        print("Everything published is what is measured.")
    control = result["figures"]["control"]
    if not control["holds"]:
        print(control_verdict(control), "So the figures are not to be trusted.")
    return 1 if (check and stale) or not control["holds"] else 0


def refuse_other_python(readme: str) -> None:
    """Raise Problem when what is published was measured with another Python than this one."""
    measured_with = re.search(r"with Python (\d+\.\d+)", readme)
    if measured_with and measured_with[1] != python_version():
        raise Problem(
            f"The published figures were measured with Python {measured_with[1]}, and this is"
            f" {python_version()}: call `make figures` with the same one, or without --check."
        )


def published(result: Json) -> dict[Path, str]:
    """Return every file that holds figures or listings, with its text as it should be."""
    blocks = {"side-by-side": side_by_side(), "figures": figure_tables.for_readme(result)}
    return {
        README: with_blocks(README.read_text(encoding="utf-8"), blocks),
        SUMMARY: figure_tables.summary(result["figures"]),
        WORSE: figure_tables.worse(result["figures"]),
        WORSE_ALL: figure_tables.worse_all(result["figures"]),
        FAILURE_POINTS: failure_points(),
    }


def failure_points() -> str:
    """Return the table of where each use case can fail. Raises Problem when there is none."""
    command = [sys.executable, "-m", "tests.equivalence.failure_points"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise Problem(f"The failure points cannot be counted:\n{done.stderr}")
    return done.stdout


def with_blocks(text: str, blocks: dict[str, str]) -> str:
    """Return a text with each block put between its markers. Raises Problem without them."""
    for name, block in blocks.items():
        start, end = f"<!-- generated: {name} -->\n", "<!-- /generated -->"
        head, found_start, rest = text.partition(start)
        _old, found_end, tail = rest.partition(end)
        if not (found_start and found_end):
            raise Problem(
                f"README.md needs the lines {start.strip()} and {end}, around the block."
            )
        text = head + start + block + end + tail
    return text


def side_by_side() -> str:
    """The cancellation of an order in both versions, as an HTML table for Markdown."""
    before = [
        ("before_mvt/views/orders.py", "cancel"),
        ("before_mvt/views/orders.py", "refund"),
    ]
    after = [
        ("after_service_layer/views/orders.py", "cancel"),
        ("after_service_layer/services/cancellation.py", "Cancellation.cancel"),
        ("after_service_layer/services/refunds.py", "Refunds.refund"),
    ]
    cells = (
        "\n".join(f"[{file}]({file})\n\n{listing(file, name)}" for file, name in side)
        for side in (before, after)
    )
    return (
        "<table>\n<tr><th>before</th><th>after</th></tr>\n<tr>\n"
        + "".join(f'<td valign="top">\n\n{cell}\n</td>\n' for cell in cells)
        + "</tr>\n</table>\n"
    )


def listing(file: str, name: str) -> str:
    """A function or method of a file, by its dotted name. Raises Problem when it is not there."""
    source = Path(file).read_text(encoding="utf-8")
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        inside = {getattr(child, "name", ""): child for child in ast.iter_child_nodes(node)}
        if part not in inside:
            raise Problem(
                f"{file} has no {name}, which the README shows: say there what it shows."
            )
        node = inside[part]
    assert isinstance(node, ast.FunctionDef)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    lines = source.splitlines()[first - 1 : node.end_lineno]
    text = "\n".join(line[node.col_offset :] for line in lines)
    return f"```python\n{text}\n```\n"


def read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def difference(path: Path, text: str) -> str:
    """The lines of a file that are not what they should be."""
    names = f"{path}, as published", f"{path}, as measured"
    old, new = (read(path) or "").splitlines(), text.splitlines()
    return "\n".join(difflib.unified_diff(old, new, *names, lineterm="", n=0))
