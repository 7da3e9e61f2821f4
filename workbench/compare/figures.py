"""Puts the two suites side by side: pairs their tests, adds up, and finds what got worse.

Everything that `figures` returns is the same on every run. Clock times are not, and stand apart,
in `timings`.
"""

import importlib.metadata
import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.compare.measure import Measured, Suite
from workbench.compare.metrics import COST
from workbench.compare.worse import ratio, worse
from workbench.environment import Problem

Json = dict[str, Any]
Row = dict[str, int]

PHASES = ("setup", "body", "teardown")

# Equal tests should cost about the same on both sides: within a tenth.
CONTROL_LIMITS = (0.9, 1.1)


def figures(before: Measured, after: Measured) -> Json:
    """Every deterministic figure of a comparison. Raises Problem when nothing can be paired."""
    pairs, alone = pair(before, after)
    catalogue = sentences(before.suite) | sentences(after.suite)
    rows = [
        paired_row(key, pairs[key], before, after) | {"sentence": catalogue.get(key[1], "")}
        for key in sorted(pairs)
    ]
    paired = [{name for sides in pairs.values() for name in sides[side]} for side in (0, 1)]
    suites = {
        "before": suite_figures(before, paired[0]),
        "after": suite_figures(after, paired[1]),
    }
    return {
        "suites": suites,
        "behaviours": rows,
        "groups": groups(rows),
        "unpaired": alone,
        "controls": controls(rows),
        "worse": worse(suites, rows),
    }


def pair(
    before: Measured, after: Measured
) -> tuple[dict[tuple[str, str], tuple[list[str], list[str]]], dict[str, list[Json]]]:
    """The tests of both suites that belong together, and those that stand alone.

    A test belongs to the behaviours it is marked with, else to its name.
    """
    left, right = by_key(before), by_key(after)
    common = left.keys() & right.keys()
    if not common:
        raise Problem(
            f"No test in {before.suite.tests} has its counterpart in {after.suite.tests}: they"
            ' are paired by @pytest.mark.behaviour("…"), else by the name of the test function.'
        )
    alone = {
        "before": [{"id": key[1], "tests": left[key]} for key in sorted(left.keys() - common)],
        "after": [{"id": key[1], "tests": right[key]} for key in sorted(right.keys() - common)],
    }
    return {key: (left[key], right[key]) for key in common}, alone


def by_key(measured: Measured) -> dict[tuple[str, str], list[str]]:
    """The node ids of the tests, by what they are paired by."""
    keys: dict[tuple[str, str], list[str]] = {}
    for nodeid, test in counted(measured).items():
        behaviours = [("behaviour", name) for name in test["behaviours"]]
        for key in behaviours or [("test name", test["name"])]:
            keys.setdefault(key, []).append(nodeid)
    return keys


def counted(measured: Measured) -> dict[str, Json]:
    """The tests that have figures: not those that were skipped."""
    return {name: test for name, test in sorted(measured.tests.items()) if "phases" in test}


def paired_row(
    key: tuple[str, str], nodeids: tuple[list[str], list[str]], before: Measured, after: Measured
) -> Json:
    """A behaviour with what its tests cost in both suites."""
    paired_by, name = key
    left = [before.tests[nodeid] for nodeid in nodeids[0]]
    right = [after.tests[nodeid] for nodeid in nodeids[1]]
    return {
        "id": name,
        "group": name.partition(".")[0] if paired_by == "behaviour" else "by test name",
        "paired_by": paired_by,
        "control": same_source(left, right),
        "before": {"tests": nodeids[0], "cost": total(map(cost, left))},
        "after": {"tests": nodeids[1], "cost": total(map(cost, right))},
    }


def same_source(left: Sequence[Json], right: Sequence[Json]) -> bool:
    """Whether the tests on both sides are the same code, whatever its layout and comments."""
    sources = sorted(str(test["source"]) for test in left)
    return "None" not in sources and sources == sorted(str(test["source"]) for test in right)


def cost(test: Json) -> Row:
    """What one test cost. What a fixture cost counts as set-up, wherever it was asked for."""
    phases, used = test["phases"], test["fixtures"]
    setup, body, teardown = [phases["setup"], *used], [phases["body"]], [phases["teardown"]]
    return {
        "setup_calls": sum(map(calls, setup)),
        "shared_calls": sum(calls(fixture) for fixture in used if fixture["scope"] != "function"),
        "body_calls": sum(map(calls, body)),
        "teardown_calls": sum(map(calls, teardown)),
        "setup_sql": added("sql", setup),
        "body_sql": added("sql", body),
        "teardown_sql": added("sql", teardown),
        "setup_app_requests": added("app_requests", setup + teardown),
        "body_app_requests": added("app_requests", body),
        "setup_outside_requests": added("outside_requests", setup + teardown),
        "body_outside_requests": added("outside_requests", body),
        "fixtures": len(used),
        "fixture_depth": test["fixture_depth"],
        "assertions": test["assertions"],
        "tests": 1,
    }


def added(what: str, accounts: Iterable[Json]) -> int:
    return sum(account[what] for account in accounts)


def calls(account: Json) -> int:
    return sum(account["calls"].values())


def total(rows: Iterable[Row]) -> Row:
    """The sum of some rows; of the depth of fixtures, the greatest."""
    rows = list(rows)
    keys = [metric.key for metric in COST]
    added = {key: sum(row[key] for row in rows) for key in keys}
    return added | {"fixture_depth": max((row["fixture_depth"] for row in rows), default=0)}


def suite_figures(measured: Measured, paired: set[str]) -> Json:
    """What there is to say of one suite as a whole, each of its tests counted once.

    `alone` is the part of all tests but the `paired` ones: of what only this version does.
    """
    tests = counted(measured)
    costs = list(map(cost, tests.values()))
    return {
        "total": total(costs),
        "alone": total(cost(test) for name, test in tests.items() if name not in paired),
        "median_test": median_test(costs),
        "tests": dict(zip(tests, costs, strict=True)),
        "per_package": per_package(tests.values()),
        "fixtures": fixtures(tests.values()),
        "coverage": {layer: percents(reach) for layer, reach in measured.coverage.items()},
        "code": measured.code,
        "test_code": measured.test_code["total"],
        "skipped": {
            name: test["skipped"]
            for name, test in sorted(measured.tests.items())
            if name not in tests
        },
        "unsteady": [name for name, test in tests.items() if not test["steady"]],
        "not_repeatable": [name for name, test in tests.items() if not test["repeatable"]],
        "with_several_behaviours": [
            name for name, test in tests.items() if len(test["behaviours"]) > 1
        ],
    }


def median_test(costs: Sequence[Row]) -> Row:
    """What a test costs that is in the middle of its suite, metric by metric."""
    return {
        metric.key: statistics.median_low(row[metric.key] for row in costs)
        for metric in COST
        if costs
    }


def per_package(tests: Iterable[Json]) -> dict[str, Row]:
    """The calls of each framework package, by phase."""
    packages: dict[str, Row] = {}
    for test in tests:
        accounts = [*test["phases"].items()]
        accounts += [("setup", fixture) for fixture in test["fixtures"]]
        for phase, account in accounts:
            for package, times in account["calls"].items():
                row = packages.setdefault(package, dict.fromkeys(PHASES, 0))
                row[phase] += times
    return dict(sorted(packages.items()))


def versions(*suites: Measured) -> dict[str, str]:
    """The installed version of each package that was called, by the name it is imported by."""
    called = {package for suite in suites for package in per_package(counted(suite).values())}
    names = importlib.metadata.packages_distributions()
    return {
        package: importlib.metadata.version(names[package][0])
        for package in sorted(called & names.keys())
    }


def fixtures(tests: Iterable[Json]) -> list[Json]:
    """Each fixture with what it costs by itself, without the fixtures that it uses."""
    uses: dict[tuple[str, str, str], list[Json]] = {}
    for test in tests:
        for use in test["fixtures"]:
            uses.setdefault((use["name"], use["scope"], use["defined"]), []).append(use)
    return [
        {
            "name": name,
            "scope": scope,
            "defined": defined,
            "times_set_up": len(found),
            "median_calls": statistics.median_low(map(calls, found)),
            "median_sql": statistics.median_low(use["sql"] for use in found),
            "calls": sum(map(calls, found)),
        }
        for (name, scope, defined), found in sorted(uses.items())
    ]


def percents(reach: Mapping[str, int]) -> dict[str, float | None]:
    """Reach in percent, to a tenth; None where there is nothing to reach."""

    def percent(part: str, whole: str) -> float | None:
        return round(100 * reach[part] / reach[whole], 1) if reach[whole] else None

    return {
        **reach,
        "lines_percent": percent("lines_reached", "lines"),
        "branches_percent": percent("branches_reached", "branches"),
        "by_body_percent": percent("function_lines_by_body", "function_lines"),
        "by_setup_only_percent": percent("function_lines_by_setup_only", "function_lines"),
    }


def groups(rows: Sequence[Json]) -> list[Json]:
    """The behaviours of one group taken together: those whose ids begin with the same word."""
    found: dict[str, list[Json]] = {}
    for row in rows:
        found.setdefault(row["group"], []).append(row)
    return [
        {
            "id": name,
            "behaviours": len(members),
            "before": total(row["before"]["cost"] for row in members),
            "after": total(row["after"]["cost"] for row in members),
        }
        for name, members in sorted(found.items())
    ]


def controls(rows: Sequence[Json]) -> list[Json]:
    """The rows whose tests are the same code on both sides, and the ratio of their calls."""
    found = []
    for row in rows:
        if row["control"]:
            before, after = (all_calls(row[side]["cost"]) for side in ("before", "after"))
            share = ratio(before, after)
            low, high = CONTROL_LIMITS
            about_one = before == after or (share is not None and low <= share <= high)
            found.append({"id": row["id"], "ratio": share, "about_one": about_one})
    return found


def all_calls(row: Row) -> int:
    return sum(row[f"{phase}_calls"] for phase in PHASES)


def sentences(suite: Suite) -> dict[str, str]:
    """The behaviours' sentences, from the `behaviours.toml` next to the tests or above them."""
    for folder in [suite.tests.resolve(), *suite.tests.resolve().parents]:
        catalogue = folder / "behaviours.toml"
        if catalogue.is_file():
            try:
                return flat(tomllib.loads(catalogue.read_text(encoding="utf-8")))
            except tomllib.TOMLDecodeError as error:
                raise Problem(f"{catalogue} is not valid TOML: {error}.") from error
        if folder == Path.cwd():
            break
    return {}


def flat(table: Json, prefix: str = "") -> dict[str, str]:
    """Ids and sentences, with or without a table around them named `behaviours`."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            inside = prefix if name == "behaviours" else f"{prefix}{name}."
            found |= flat(value, inside)
        else:
            found[prefix + name] = str(value)
    return found


def timings(rows: Sequence[Json], before: Measured, after: Measured) -> Json:
    """Clock times, as ratios only: after ÷ before for each group, with their spread.

    The spread: a quarter of the behaviours lie below `low`, a quarter above `high`.
    """
    ratios: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for phase in ("setup", "call"):
            seconds = [
                sum(measured.tests[name]["seconds"][phase] for name in row[side]["tests"])
                for side, measured in (("before", before), ("after", after))
            ]
            for group in (row["group"], "all behaviours"):
                of_group = ratios.setdefault(group, {"setup": [], "call": []})
                of_group[phase].append(seconds[1] / seconds[0])
    return {
        group: {"set-up": spread(found["setup"]), "body": spread(found["call"])}
        for group, found in sorted(ratios.items())
    }


def spread(ratios: Sequence[float]) -> Json:
    # Three cuts into four parts need two values.
    values = ratios if len(ratios) > 1 else [ratios[0], ratios[0]]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "behaviours": len(ratios),
        "low": round(low, 3),
        "median": round(middle, 3),
        "high": round(high, 3),
    }
