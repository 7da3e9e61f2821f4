"""Reads the coverage of a suite: what it reaches in each layer, and from where.

A line may be reached by the body of a test, which looks at what comes of it, or by nothing but
set-up, which does not. Only lines inside functions show this: the others run at import.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coverage import Coverage
from coverage.exceptions import NoDataError

from workbench.compare.static import layer_of


@dataclass
class Reach:
    """Lines and branches of a layer, and how many the suite reached."""

    lines: int = 0
    lines_reached: int = 0
    branches: int = 0
    branches_reached: int = 0
    function_lines: int = 0
    function_lines_by_body: int = 0
    function_lines_by_setup_only: int = 0

    def add(self, file: dict[str, Any], contexts: dict[int, list[str]]) -> None:
        """Add one file of coverage's JSON report, and from where its lines were reached."""
        summary, functions = file["summary"], file["functions"]
        self.lines += summary["num_statements"]
        self.lines_reached += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.branches_reached += summary["covered_branches"]
        for name, function in functions.items():
            if name:  # the nameless one is the code outside of functions
                self.function_lines += function["summary"]["num_statements"]
                self._add_reached(function["executed_lines"], contexts)

    def _add_reached(self, lines: list[int], contexts: dict[int, list[str]]) -> None:
        for line in lines:
            # A context is "test|phase"; it is empty for what ran at import.
            phases = {context.rpartition("|")[2] for context in contexts.get(line, [])}
            if "run" in phases:
                self.function_lines_by_body += 1
            elif phases.intersection(("setup", "teardown")):
                self.function_lines_by_setup_only += 1


def by_layer(data: Path, package: Path) -> dict[str, dict[str, int]]:
    """The reach of a suite in each layer of its package, and in all of it as `total`.

    Empty when the tests never import the package.
    """
    measured = Coverage(data_file=str(data), config_file=False)
    measured.load()
    report = data.with_suffix(".json")
    with suppress(NoDataError):
        measured.json_report(outfile=str(report))
    if not report.exists():
        return {}
    layers = {"total": Reach()}
    for name, file in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        path = Path(name).resolve()
        if file["summary"]["num_statements"] and path.is_relative_to(package):
            contexts = measured.get_data().contexts_by_lineno(str(path))
            layers["total"].add(file, contexts)
            layers.setdefault(layer_of(path, package), Reach()).add(file, contexts)
    return {name: asdict(layers[name]) for name in ("total", *sorted(layers.keys() - {"total"}))}
