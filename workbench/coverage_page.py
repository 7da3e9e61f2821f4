"""Reads the coverage that a suite left behind, and puts that of two suites side by side."""

import html
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from coverage import Coverage
from coverage.files import flat_rootname

NOTHING = "–"


@dataclass(frozen=True)
class Covered:
    """How many lines and branches there are, and how many of them a suite reached."""

    lines: int = 0
    lines_reached: int = 0
    branches: int = 0
    branches_reached: int = 0

    def __add__(self, other: "Covered") -> "Covered":
        return Covered(
            self.lines + other.lines,
            self.lines_reached + other.lines_reached,
            self.branches + other.branches,
            self.branches_reached + other.branches_reached,
        )

    @property
    def percent(self) -> str:
        """Lines and branches together, rounded down, so that only all is 100 %."""
        total = self.lines + self.branches
        if total == 0:
            return NOTHING
        return f"{math.floor(100 * (self.lines_reached + self.branches_reached) / total)} %"


# The coverage of one package by its suite: file name inside the package, and figures.
Files = Mapping[str, Covered]


def read(data: Path, package: str) -> dict[str, Covered]:
    """The coverage of each file of a package that holds code; empty when nothing was measured."""
    if not data.exists():
        return {}
    report = data.with_suffix(".json")
    measured = Coverage(data_file=str(data))
    measured.load()
    measured.json_report(outfile=str(report))
    files = json.loads(report.read_text(encoding="utf-8"))["files"]
    return {
        Path(name).relative_to(package).as_posix(): Covered(
            lines=figures["summary"]["num_statements"],
            lines_reached=figures["summary"]["covered_lines"],
            branches=figures["summary"].get("num_branches", 0),
            branches_reached=figures["summary"].get("covered_branches", 0),
        )
        for name, figures in files.items()
        if figures["summary"]["num_statements"]
    }


def write_details(data: Path, directory: Path, title: str) -> None:
    """Write coverage's own report, line by line, when something was measured."""
    if data.exists():
        measured = Coverage(data_file=str(data))
        measured.load()
        measured.html_report(directory=str(directory), title=title)


def layer(files: Files, name: str) -> Covered:
    """The sum of one layer: the module `name.py`, or the folder `name/`."""
    inside = [file for file in files if file == f"{name}.py" or file.startswith(f"{name}/")]
    return sum((files[file] for file in inside), start=Covered())


def side_by_side(before: Files, after: Files, packages: tuple[str, str]) -> str:
    """An HTML page with a row for each file: the same file of both packages in the same row."""
    rows = []
    for name in _in_reading_order({*before, *after}):
        left = _cell(before.get(name), f"before/{_details(packages[0], name)}")
        right = _cell(after.get(name), f"after/{_details(packages[1], name)}")
        path = html.escape(name).replace("/", "/<wbr>")
        rows.append(f'<tr><th scope="row">{path}</th>{left}{right}</tr>')
    return _PAGE.substitute(
        rows="\n".join(rows),
        before=_cell(sum(before.values(), start=Covered()), "before/index.html"),
        after=_cell(sum(after.values(), start=Covered()), "after/index.html"),
    )


def _in_reading_order(names: Collection[str]) -> list[str]:
    """Each view with the service of that name under it; other services; models; the rest."""
    views = {Path(name).stem for name in names if name.startswith("views/")}

    def place(name: str) -> tuple[int, str, int]:
        folder, stem = name.split("/")[0], Path(name).stem
        if folder == "views":
            return (0, stem, 0)
        if folder == "services":
            return (0, stem, 1) if stem in views else (1, stem, 0)
        return (2, name, 0) if name == "models.py" else (3, name, 0)

    return sorted(names, key=place)


def _details(package: str, name: str) -> str:
    """The name that coverage gives to its page about a file."""
    return flat_rootname(f"{package}/{name}") + ".html"


def _cell(covered: Covered | None, link: str) -> str:
    if covered is None or covered.percent == NOTHING:
        return f"<td>{NOTHING}</td>"
    facts = f"{covered.lines_reached} of {covered.lines} lines"
    if covered.branches:
        facts += f", {covered.branches_reached} of {covered.branches} branches"
    return f'<td><a href="{link}">{covered.percent}</a> <small>{facts}</small></td>'


_PAGE = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Coverage, before and after</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0 }
  th { overflow-wrap: break-word; max-width: 9rem }
  tr { border-bottom: 1px solid #8886 }
  tbody th { font-weight: normal; font-family: ui-monospace, monospace }
  small { display: block }
</style>
<main>
<h1>Coverage, before and after</h1>
<p>The lines and branches of each version that its own suite reaches.
Follow a figure to see them in the code. A dash: the file is not in that version.</p>
<table>
<thead>
<tr><th scope="col">File</th><th scope="col">before_mvt</th>
<th scope="col">after_<wbr>service_layer</th></tr>
</thead>
<tbody>
$rows
</tbody>
<tfoot>
<tr><th scope="row">Together</th>$before$after</tr>
</tfoot>
</table>
<p>Each service is below the view that has its name. That a line is reached says nothing about
whether its result is checked.</p>
</main>
</html>
""")
