"""Finds everything in which *after* is worse than *before*, from the figures alone."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.compare.metrics import COST, COVERAGE, MEDIAN, NO_SETUP, SHAPE, SIZE, Metric

Json = dict[str, Any]
# The name of what is compared, and its figures before and after.
Compared = tuple[str, Json, Json]


def worse(suites: Json, rows: Sequence[Json]) -> list[Json]:
    """One entry for each metric of each kind: how many figures were looked at, and the worse.

    Nothing is left out for being small. In each kind, what grew by the largest factor comes
    first; in each metric, the largest difference.
    """

    def of_suites(figure: str, name: str) -> list[Compared]:
        return [(name, suites["before"][figure], suites["after"][figure])]

    coverage = in_both(suites["before"]["coverage"], suites["after"]["coverage"])
    code = suites["before"]["code"], suites["after"]["code"]
    medians = [(row["id"], row["before"]["median"], row["after"]["median"]) for row in rows]
    sums = [(row["id"], row["before"]["cost"], row["after"]["cost"]) for row in rows]
    return [
        *of_kind("The median test", MEDIAN, of_suites("median_test", "the median test")),
        *of_kind("Tests with a counterpart", [NO_SETUP], of_suites("no_setup", "all of them")),
        *of_kind("All tests together", COST, of_suites("total", "all tests")),
        *of_kind("Coverage of a layer", COVERAGE, coverage),
        *of_kind("Code of the package", SIZE, in_either(*code)),
        *of_kind("Functions of the package", SHAPE, in_both(*code)),
        *of_kind("Code of the tests", SIZE + SHAPE, of_suites("test_code", "all tests")),
        *of_kind("A behaviour's median test", MEDIAN, medians),
        *of_kind("A behaviour's tests together", COST, sums),
    ]


def by_kind(entries: Iterable[Json]) -> dict[str, list[Json]]:
    """The entries by what is worse in them, in their order."""
    found: dict[str, list[Json]] = {}
    for entry in entries:
        found.setdefault(entry["kind"], []).append(entry)
    return found


def in_both(before: Json, after: Json) -> list[Compared]:
    return [(layer, before[layer], after[layer]) for layer in before if layer in after]


def in_either(before: Json, after: Json) -> list[Compared]:
    """A layer that one version lacks has zero for every figure there."""
    nothing = dict.fromkeys((metric.key for metric in SIZE), 0)
    layers = [*before, *(layer for layer in after if layer not in before)]
    return [(name, before.get(name, nothing), after.get(name, nothing)) for name in layers]


def of_kind(kind: str, metrics: Iterable[Metric], compared: Sequence[Compared]) -> list[Json]:
    entries = [{"kind": kind, **of_metric(metric, compared)} for metric in metrics]
    return sorted(
        (entry for entry in entries if entry["looked_at"]),
        key=lambda entry: max(map(growth, entry["worse"]), default=0),
        reverse=True,
    )


def of_metric(metric: Metric, compared: Iterable[Compared]) -> Json:
    known = [
        (name, before[metric.key], after[metric.key])
        for name, before, after in compared
        if before[metric.key] is not None and after[metric.key] is not None
    ]
    found = [
        {
            "id": name,
            "before": before,
            "after": after,
            "difference": round(after - before, 1),
            "ratio": ratio(before, after),
        }
        for name, before, after in known
        if metric.worse(before, after)
    ]
    found.sort(key=lambda entry: (-abs(entry["difference"]), entry["id"]))
    return {
        "metric": metric.key,
        "label": metric.label,
        "unit": metric.unit,
        "looked_at": len(known),
        "worse_count": len(found),
        "worse": found,
    }


def growth(entry: Json) -> float:
    """By what factor a figure got worse; endless when it grew from nothing or fell to it."""
    low, high = sorted((entry["before"], entry["after"]))
    return float(high / low) if low else math.inf


def ratio(before: float, after: float) -> float | None:
    """After ÷ before to two decimals; None where there was nothing before."""
    return round(after / before, 2) if before else None
