"""The measured figures for README and docs: tables in Markdown, and a list.

They speak of the median test, since the suites have different numbers of tests. It is one of the
tests that have a counterpart: so both sides are about the same behaviours.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from workbench.compare.wording import control_verdict, number, other_code, percent, times
from workbench.compare.worse import by_kind
from workbench.environment import Problem

Json = dict[str, Any]

# The group of behaviours that is one rule and nothing else.
PRICING = "price"

HEAD = ("| | before | after | after ÷ before |", "|---|--:|--:|--:|")


def for_readme(result: Json) -> str:
    """The five figures of the README, and how to read them."""
    python = ".".join(result["python"].split(".")[:2])
    lines = [
        *HEAD,
        *main_rows(result["figures"]),
        "",
        "A framework call is a call of a Python function in an installed package that is no test"
        " tool. Each test is charged in full with what it shares with others. The first three rows"
        " are about the tests of behaviours that both suites hold. Measured by `make figures` with"
        f" Python {python}; CI measures again, and fails on a difference.",
        "",
        control_verdict(result["figures"]["control"]),
    ]
    return "\n".join(lines) + "\n"


def summary(figures: Json) -> str:
    """All that is published of both suites and packages, as one table, and the control."""
    control = figures["control"]
    verdicts = "\n\n".join(filter(None, (control_verdict(control), other_code(control))))
    return "\n".join([*HEAD, *all_rows(figures), "", verdicts]) + "\n"


def main_rows(figures: Json) -> Iterator[str]:
    before, after = figures["suites"]["before"], figures["suites"]["after"]
    per_test = figures["per_test"]
    yield row("the median test, framework calls", at(figures, "median_test", "calls"))
    some = [
        f"{percent(side['tests'], side['of'])} ({number(side['tests'])} of {number(side['of'])})"
        for side in no_setup(figures)
    ]
    share = times(before["no_setup"]["percent"], after["no_setup"]["percent"])
    yield f"| tests without a framework call in their set-up | {some[0]} | {some[1]} | {share} |"
    cells = number(per_test["more"]), number(per_test["fewer"])
    same = f"as many in {number(per_test['same'])}"
    yield f"| behaviours whose median test is the cheaper one | {' | '.join(cells)} | {same} |"
    yield row("lines of code of the package", at(figures, "code", "total", "lines"))
    yield row("lines of test code", at(figures, "test_code", "lines"))


def all_rows(figures: Json) -> Iterator[str]:
    yield from main_rows(figures)
    yield section("The median test")
    yield row("set-up, framework calls", at(figures, "median_test", "setup_calls"))
    yield row("of these, shared with other tests", at(figures, "median_test", "shared_calls"))
    yield row("body, framework calls", at(figures, "median_test", "body_calls"))
    yield row("tear-down, framework calls", at(figures, "median_test", "teardown_calls"))
    yield row("body, SQL statements", at(figures, "median_test", "body_sql"))
    yield row("body, HTTP requests to the app", at(figures, "median_test", "body_app_requests"))
    yield row("fixtures", at(figures, "median_test", "fixtures"))
    yield row("deepest chain of fixtures", at(figures, "median_test", "fixture_depth"))
    yield row("assertions, as written", at(figures, "median_test", "assertions"))
    yield section("The median test of a part, framework calls")
    yield row(f"the pricing alone (`{PRICING}.*`)", medians(group(figures, PRICING)))
    if without := figures["without_one_group"]:
        values = [without["before"], without["after"]]
        yield row(f"all but `{without['id']}.*`, where *after* gains most", values)
    for loss in figures["per_test"]["largest_losses"]:
        yield row(f"largest losses: `{loss['id']}`", [loss["before"], loss["after"]])
    yield section("What it costs")
    yield row("tests", at(figures, "total", "tests"))
    yield row("of these, without a counterpart", at(figures, "alone", "tests"))
    yield row("files of the package", at(figures, "code", "total", "files"))
    yield row("its classes", at(figures, "code", "total", "classes"))
    yield row("its functions", at(figures, "code", "total", "functions"))
    yield row("its longest function, lines", at(figures, "code", "total", "longest_function"))
    yield section("What the tests reach")
    yield row("lines of the package, %", at(figures, "coverage", "total", "lines_percent"))
    yield row("branches of the package, %", at(figures, "coverage", "total", "branches_percent"))


def row(label: str, values: Sequence[float | None]) -> str:
    before, after = values
    return f"| {label} | {number(before)} | {number(after)} | {times(before, after)} |"


def section(title: str) -> str:
    return f"| **{title}** | | | |"


def at(figures: Json, *path: str) -> list[float | None]:
    """A figure of both suites."""
    values = []
    for side in ("before", "after"):
        found: Any = figures["suites"][side]
        for key in path:
            found = found[key]
        values.append(found)
    return values


def no_setup(figures: Json) -> list[Json]:
    return [figures["suites"][side]["no_setup"] for side in ("before", "after")]


def group(figures: Json, name: str) -> Json:
    """A group of behaviours. Raises Problem when there is none of this name."""
    for found in figures["groups"]:
        if found["id"] == name:
            return dict(found)
    raise Problem(
        f"There are no behaviours {name}.*, which the docs show alone: say in"
        " workbench/figure_tables.py which group they are to show."
    )


def medians(found: Json) -> list[float | None]:
    return [found[side]["median"]["calls"] for side in ("before", "after")]


def worse(figures: Json) -> str:
    """A table of what is worse in *after*: of each figure how often, and the largest case."""
    lines = [
        "| of | figure | worse in | the largest difference | before | after |",
        "|---|---|--:|---|--:|--:|",
    ]
    for kind, entries in by_kind(figures["worse"]).items():
        for entry in entries:
            if entry["worse"]:
                case = entry["worse"][0]
                often = f"{number(entry['worse_count'])} of {number(entry['looked_at'])}"
                values = f"{number(case['before'])} | {number(case['after'])}"
                lines.append(
                    f"| {kind.lower()} | {figure(entry)} | {often} | `{case['id']}` | {values} |"
                )
    lines += [
        "",
        "A behaviour's tests together are a sum: it grows with their number, too."
        " `docs/_generated/worse_all.md` lists every one of these figures, medians and sums"
        " alike, and names those that are worse nowhere.",
    ]
    return "\n".join(lines) + "\n"


def worse_all(figures: Json) -> str:
    """A list of all that is worse in *after*, and of what was looked at and is not."""
    lines = ["# Every figure in which *after* is worse", ""]
    lines += ["Written by `make figures`. The largest difference comes first.", ""]
    for kind, entries in by_kind(figures["worse"]).items():
        lines += [f"## {kind}", ""]
        for entry in entries:
            cases = [
                f"`{case['id']}` {number(case['before'])} → {number(case['after'])}"
                for case in entry["worse"]
            ]
            often = f"worse in {number(len(cases))} of {number(entry['looked_at'])}"
            listed = ": " + "; ".join(cases) if cases else ""
            lines.append(f"- **{figure(entry)}**, {often}{listed}.")
        lines.append("")
    return "\n".join(lines)


def figure(entry: Json) -> str:
    """The name of a figure, with its unit where that is no part of it."""
    if entry["unit"] == "number":
        return str(entry["label"])
    return f"{entry['label']}, {entry['unit']}"
