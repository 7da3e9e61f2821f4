"""Puts the two suites side by side: pairs their tests, adds up, and finds what got worse.

Everything that `figures` returns is the same on every run. Clock times are not; they are in
`timings`.
"""

import importlib.metadata
import statistics
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.compare.measure import Measured, Suite
from workbench.compare.metrics import CONTROL_LIMIT, COST
from workbench.compare.worse import worse
from workbench.environment import Problem

Json = dict[str, Any]
Row = dict[str, int]

SIDES = ("before", "after")
PHASES = ("setup", "body", "teardown")

# How many of the behaviours whose test costs more after are shown first.
LARGEST_LOSSES = 3


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
    by_group = groups(rows, suites)
    same = same_tests(pairs, before, after)
    return {
        "suites": suites,
        "behaviours": rows,
        "per_test": per_test(rows),
        "groups": by_group,
        "without_one_group": without_one_group(by_group),
        "unpaired": alone,
        "same_tests": same,
        "control": control(same),
        "worse": worse(suites, rows),
    }


def pair(
    before: Measured, after: Measured
) -> tuple[dict[tuple[str, str], tuple[list[str], list[str]]], dict[str, list[Json]]]:
    """The tests of both suites that belong together, and those without a counterpart.

    A test belongs to the behaviours it is marked with, else to its name.
    """
    left, right = by_key(before), by_key(after)
    common = left.keys() & right.keys()
    if not common:
        raise Problem(
            f"No test in {before.suite.named} has its counterpart in {after.suite.named}: they"
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
    """A behaviour with what its tests cost in both suites, and what the median one costs."""
    paired_by, name = key
    left = [cost(before.tests[nodeid]) for nodeid in nodeids[0]]
    right = [cost(after.tests[nodeid]) for nodeid in nodeids[1]]
    return {
        "id": name,
        "group": name.partition(".")[0] if paired_by == "behaviour" else "by test name",
        "paired_by": paired_by,
        "before": {"tests": nodeids[0], "cost": total(left), "median": median_test(left)},
        "after": {"tests": nodeids[1], "cost": total(right), "median": median_test(right)},
    }


def cost(test: Json) -> Row:
    """What one test cost. A fixture counts as set-up, also when the body requests it."""
    used = test["fixtures"]
    setup, body, teardown = (accounts(test, phase) for phase in PHASES)
    return {
        "calls": sum(map(calls, [*setup, *body, *teardown])),
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


def accounts(test: Json, phase: str) -> list[Json]:
    """What is booked to a phase of a test: to its set-up, all the fixtures that it uses."""
    used = test["fixtures"] if phase == "setup" else []
    return [test["phases"][phase], *used]


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
    """The figures of one suite as a whole, each of its tests counted once.

    `alone` is the part of all tests but the `paired` ones: of what only this version does. The
    median test is one of the `paired`: so it is about the same behaviours on both sides.
    """
    tests = counted(measured)
    costs = {name: cost(test) for name, test in tests.items()}
    compared = [costs[name] for name in tests if name in paired]
    return {
        "total": total(costs.values()),
        "alone": total(cost for name, cost in costs.items() if name not in paired),
        "median_test": median_test(compared),
        "no_setup": no_setup(compared),
        "tests": costs,
        "per_package": per_package(tests.values()),
        "fixtures": fixtures(tests.values()),
        "coverage": {layer: percents(reach) for layer, reach in measured.coverage.items()},
        "code": measured.code,
        "test_code": measured.test_code,
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
    """What the median one of some tests costs, metric by metric."""
    return {metric.key: statistics.median_low(row[metric.key] for row in costs) for metric in COST}


def no_setup(costs: Sequence[Row]) -> Json:
    """How many of some tests make no framework call before their body begins."""
    found = sum(row["setup_calls"] == 0 for row in costs)
    return {"tests": found, "of": len(costs), "percent": round(100 * found / len(costs), 1)}


def per_test(rows: Sequence[Json]) -> Json:
    """In how many behaviours the median test makes fewer calls after, and where it makes more."""
    growth = [(row["after"]["median"]["calls"] - row["before"]["median"]["calls"]) for row in rows]
    ranked = sorted(zip(growth, rows, strict=True), key=lambda pair: (-pair[0], pair[1]["id"]))
    return {
        "fewer": sum(more < 0 for more in growth),
        "same": growth.count(0),
        "more": sum(more > 0 for more in growth),
        "largest_losses": [
            {"id": row["id"], **{side: row[side]["median"]["calls"] for side in SIDES}}
            for more, row in ranked[:LARGEST_LOSSES]
            if more > 0
        ],
    }


def per_package(tests: Iterable[Json]) -> dict[str, Row]:
    """The calls of each framework package, by phase."""
    packages: dict[str, Row] = {}
    for test in tests:
        for phase in PHASES:
            for account in accounts(test, phase):
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


def groups(rows: Sequence[Json], suites: Json) -> list[Json]:
    """The behaviours of one group taken together: those whose ids begin with the same word.

    For each side: its tests, what the median one costs, and the median calls of all others.
    """
    found: dict[str, list[Json]] = {}
    for row in rows:
        found.setdefault(row["group"], []).append(row)
    paired = {side: {name for row in rows for name in row[side]["tests"]} for side in SIDES}
    result = []
    for group, members in sorted(found.items()):
        entry: Json = {"id": group, "behaviours": len(members)}
        for side in SIDES:
            costs = suites[side]["tests"]
            inside = {name for row in members for name in row[side]["tests"]}
            others = [costs[name]["calls"] for name in paired[side] - inside]
            entry[side] = {
                "tests": len(inside),
                "median": median_test([costs[name] for name in inside]),
                "median_calls_of_others": statistics.median_low(others) if others else None,
            }
        result.append(entry)
    return result


def without_one_group(found: Sequence[Json]) -> Json | None:
    """The median test without the one group that speaks most for *after*.

    It is the group without which after ÷ before comes out highest; None where there is one only,
    or nothing to divide by.
    """
    left = [
        {"id": group["id"], **{side: group[side]["median_calls_of_others"] for side in SIDES}}
        for group in found
    ]
    left = [entry for entry in left if entry["before"] and entry["after"] is not None]
    return max(left, key=lambda entry: entry["after"] / entry["before"], default=None)


def same_tests(
    pairs: Mapping[tuple[str, str], tuple[list[str], list[str]]],
    before: Measured,
    after: Measured,
) -> list[Json]:
    """The tests that are in both suites: the same function, with the same fixtures.

    `parts` are its set-up, body and tear-down, as far as the same functions of the package ran
    there on both sides. The calls of these parts are in `same_code`, those of all in `all_code`.
    """
    found = {}
    for key, (left, right) in sorted(pairs.items()):
        twins = {identity(after.tests[name]): after.tests[name] for name in right}
        for test in (before.tests[name] for name in left):
            twin = twins.get(identity(test))
            if twin is None or test["source"] is None:
                continue
            both = {"before": test, "after": twin}
            parts = [part for part in PHASES if functions(test, part) == functions(twin, part)]
            found[identity(test)] = {
                "test": test["case"],
                "behaviour": key[1],
                "parts": parts,
                "same_code": {
                    side: sum(cost(one)[f"{part}_calls"] for part in parts)
                    for side, one in both.items()
                },
                "all_code": {side: cost(one)["calls"] for side, one in both.items()},
            }
    return sorted(found.values(), key=lambda entry: (entry["behaviour"], entry["test"]))


def identity(test: Json) -> tuple[str, str | None]:
    return test["case"], test["source"]


def functions(test: Json, phase: str) -> list[str]:
    """A fingerprint of the functions of the package that ran in a phase of a test."""
    return sorted(account["functions"] for account in accounts(test, phase))


def control(same: Sequence[Json]) -> Json:
    """Whether the same tests cost the same, as far as they run the same code.

    `other_code` is about those that do not run the same code throughout: by what factor their
    calls differ. That is no error of the measurement, but a difference of the packages.
    """
    checked = [entry for entry in same if any(entry["same_code"].values())]
    off = [
        entry["test"]
        for entry in checked
        if abs(entry["same_code"]["after"] - entry["same_code"]["before"])
        > CONTROL_LIMIT * entry["same_code"]["before"]
    ]
    other = sorted(
        (entry["all_code"]["after"] / entry["all_code"]["before"], entry["test"])
        for entry in same
        if len(entry["parts"]) < len(PHASES) and entry["all_code"]["before"]
    )
    return {
        "tests": len(checked),
        "holds": bool(checked) and not off,
        "off": off,
        "other_code": {
            "tests": len(other),
            "lowest": round(other[0][0], 2),
            "median": round(statistics.median_low(factor for factor, _ in other), 2),
            "highest": round(other[-1][0], 2),
            "highest_test": other[-1][1],
        }
        if other
        else None,
    }


def sentences(suite: Suite) -> dict[str, str]:
    """The behaviours' sentences, from the `behaviours.toml` next to the tests or above them."""
    tests = suite.tests[0].resolve()
    for folder in [tests, *tests.parents]:
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

    The spread: a quarter of the behaviours lie below `low`, a quarter above `high`. A behaviour
    for which the clock was too coarse, so that it shows no time at all, has no ratio.
    """
    ratios: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        for phase in ("setup", "body"):
            seconds = [
                sum(measured.tests[name]["seconds"][phase] for name in row[side]["tests"])
                for side, measured in (("before", before), ("after", after))
            ]
            if min(seconds) <= 0:
                continue
            for group in (row["group"], "all behaviours"):
                of_group = ratios.setdefault(group, {"setup": [], "body": []})
                of_group[phase].append(seconds[1] / seconds[0])
    return {
        group: {"set-up": spread(found["setup"]), "body": spread(found["body"])}
        for group, found in sorted(ratios.items())
        if all(found.values())
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
