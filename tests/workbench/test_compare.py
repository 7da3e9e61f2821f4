"""The comparison tool, on a small project with known costs: a guest book, twice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from workbench.compare import main, metrics, plot, report, static
from workbench.compare.figures import figures as figures_of
from workbench.compare.measure import Measured, Suite
from workbench.compare.worse import worse
from workbench.environment import ROOT, Problem

SAMPLE = Path(__file__).parent / "samples" / "guestbook"
SUITES = ("--before", "book_before:tests_before", "--after", "book_after:tests_after")
FIRST = "tests_before/test_book.py::test_first_of_the_session"
LAST = "tests_before/test_book.py::test_last_of_the_session"

Json = dict[str, Any]


def start(folder: Path, *arguments: str, seed: int = 1) -> subprocess.Popen[str]:
    """Start the tool in a project of somebody else's."""
    code = "import sys; from workbench.compare import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONHASHSEED": str(seed),
            "PYTEST_ADDOPTS": f"-p pytest_randomly --randomly-seed={seed}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path_factory.mktemp("sample") / "guestbook"))


@pytest.fixture(scope="module")
def outputs(project: Path) -> list[str]:
    """What the tool printed in two runs, with other test orders and hash seeds."""
    runs = [start(project, *SUITES, "--out", f"out-{seed}", seed=seed) for seed in (1, 2)]
    finished = [finish(run) for run in runs]
    assert [(code, errors) for code, _, errors in finished] == [(0, ""), (0, "")]
    return [output for _, output, _ in finished]


@pytest.fixture(scope="module")
def results(project: Path, outputs: list[str]) -> list[Json]:
    files = [project / f"out-{seed}" / "comparison.json" for seed in (1, 2)]
    return [json.loads(file.read_text("utf-8")) for file in files]


@pytest.fixture(scope="module")
def figures(results: list[Json]) -> Json:
    found: Json = results[0]["figures"]
    return found


@pytest.fixture(scope="module")
def rows(figures: Json) -> dict[str, Json]:
    return {row["id"]: row for row in figures["behaviours"]}


def some(cost: Json, *keys: str) -> list[int]:
    return [cost[key] for key in keys]


def test_neither_order_nor_hash_seed_changes_a_figure(results: list[Json]) -> None:
    assert results[0]["figures"] == results[1]["figures"]


def test_every_count_was_the_same_twice(figures: Json) -> None:
    assert [figures["suites"][side]["unsteady"] for side in ("before", "after")] == [[], []]


def test_sql_is_counted_in_set_up_and_body(figures: Json) -> None:
    cost = figures["suites"]["before"]["tests"][FIRST]
    assert some(cost, "setup_sql", "body_sql", "teardown_sql") == [3, 1, 0]


def test_the_first_test_does_not_pay_for_the_session(figures: Json) -> None:
    tests = figures["suites"]["before"]["tests"]
    assert tests[FIRST] == tests[LAST]
    assert 0 < tests[FIRST]["shared_calls"] < tests[FIRST]["setup_calls"]


def test_what_a_class_shares_is_charged_to_each_of_its_tests(figures: Json) -> None:
    tests = figures["suites"]["before"]["tests"]
    inside = [cost for name, cost in tests.items() if "TestSign" in name]
    assert [cost["setup_sql"] for cost in inside] == [4, 4, 4]


def test_a_fixture_has_its_own_cost_only(figures: Json) -> None:
    fixtures = {found["name"]: found for found in figures["suites"]["before"]["fixtures"]}
    costs = {name: (found["scope"], found["median_sql"]) for name, found in fixtures.items()}
    assert costs == {
        "book": ("session", 3),
        "client": ("function", 0),
        "guest": ("class", 1),
        "monkeypatch": ("function", 0),
        "seen": ("session", 0),
    }


def test_requests_are_counted_by_where_they_go(rows: dict[str, Json]) -> None:
    cost = rows["book.announce"]["before"]["cost"]
    assert some(cost, "body_app_requests", "body_outside_requests") == [1, 1]


def test_a_rule_without_a_framework_costs_nothing(rows: dict[str, Json]) -> None:
    cost = rows["book.announce"]["after"]["cost"]
    assert some(cost, "setup_calls", "body_calls", "fixtures", "fixture_depth") == [0, 0, 0, 0]


def test_fixtures_are_counted_with_their_depth(figures: Json) -> None:
    assert some(figures["suites"]["before"]["tests"][FIRST], "fixtures", "fixture_depth") == [2, 2]


def test_a_behaviour_sums_all_its_tests(rows: dict[str, Json]) -> None:
    row = rows["book.sign"]
    assert row["sentence"] == "Who signs the book is in it."
    # One of the four is marked with two behaviours, and counts in both.
    assert some(row["before"]["cost"], "tests", "setup_sql", "assertions") == [4, 15, 6]
    assert some(row["after"]["cost"], "tests", "setup_sql", "assertions") == [2, 8, 2]


def test_a_test_without_a_behaviour_is_paired_by_its_name(rows: dict[str, Json]) -> None:
    assert rows["test_by_name"]["paired_by"] == "test name"
    assert rows["about"]["paired_by"] == "behaviour"


def test_what_has_no_counterpart_is_listed(figures: Json) -> None:
    alone = {side: [row["id"] for row in rows] for side, rows in figures["unpaired"].items()}
    assert alone == {"before": ["test_leaves_something_behind"], "after": []}


def test_what_has_no_counterpart_is_told_apart_from_all_tests(figures: Json) -> None:
    before, after = (figures["suites"][side] for side in ("before", "after"))
    lonely = before["tests"]["tests_before/test_book.py::test_leaves_something_behind"]
    assert before["alone"] == lonely
    assert before["total"]["tests"] > 1
    assert after["alone"]["tests"] == after["alone"]["body_calls"] == 0


def test_what_was_not_counted_is_listed(figures: Json) -> None:
    skipped = [figures["suites"][side]["skipped"] for side in ("before", "after")]
    assert [list(found.values()) for found in skipped] == [
        ["for another day"],
        ["expected to fail: not built yet"],
    ]


def test_a_test_that_leaves_something_behind_is_named(figures: Json) -> None:
    assert figures["suites"]["before"]["not_repeatable"] == [
        "tests_before/test_book.py::test_leaves_something_behind"
    ]


def test_equal_tests_are_the_control_and_the_page_says_if_it_holds(
    project: Path, figures: Json
) -> None:
    assert [(row["id"], row["about_one"]) for row in figures["controls"]] == [
        # After sets up and tears down in each test what before does once for the session.
        ("about", False),
        ("book.prune", True),
        ("test_by_name", False),
    ]
    assert "The control does not hold: 3 behaviours" in (
        project / "out-1" / "comparison.md"
    ).read_text("utf-8")


def test_what_is_worse_is_found(figures: Json) -> None:
    found = {
        (entry["kind"], entry["metric"]): [row["id"] for row in entry["worse"]]
        for entry in figures["worse"]
    }
    assert found["A behaviour's tests", "setup_sql"] == ["about", "test_by_name"]
    assert found["A behaviour's tests", "body_calls"] == []
    assert found["Code of the package", "files"] == ["services", "total"]
    assert found["Coverage of a layer", "lines_percent"] == ["app.py", "total"]


def test_coverage_tells_bodies_from_set_up(figures: Json) -> None:
    app = figures["suites"]["before"]["coverage"]["app.py"]
    keys = ("lines_percent", "branches_percent", "by_body_percent", "by_setup_only_percent")
    # In set-up the app is made; what its views do is reached by the bodies of tests.
    assert some(app, *keys) == [100, 100, 60, 40]


def test_clock_times_stand_apart(results: list[Json]) -> None:
    assert "seconds" not in json.dumps(results[0]["figures"])
    assert results[0]["timings"]["all behaviours"]["body"]["median"] > 0


def test_the_reports_say_the_same(project: Path, outputs: list[str]) -> None:
    page = (project / "out-1" / "index.html").read_text("utf-8")
    markdown = (project / "out-1" / "comparison.md").read_text("utf-8")
    sentence = "Of 6 behaviours, 3 need fewer framework calls in set-up after than before, 2 need"
    assert sentence in page and sentence in markdown
    assert "test_leaves_something_behind" in page
    # Nothing is loaded from anywhere.
    assert page.count("<svg") == 1
    assert not [word for word in ("<script", "<link", "<img", "src=", "@import") if word in page]


def test_the_table_in_the_terminal_is_short(outputs: list[str]) -> None:
    _, _, table = outputs[0].partition("before   after")
    assert "out-1/index.html" in table
    assert len(table.splitlines()) <= 25


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--before", "book"], "--before book: accepted is PACKAGE:TESTS"),
        (["--before", ":tests_before"], "--before :tests_before: accepted is PACKAGE:TESTS"),
        (["--before", "no_such:tests_before"], "finds no package or module 'no_such'"),
        (["--before", "book_before:nowhere"], "no folder or file of tests at nowhere"),
        ([*SUITES, "--out", "pytest.ini"], "--out pytest.ini: nothing can be written there"),
        (["--befor", "x:y"], "unrecognized arguments: --befor x:y"),
    ],
)
def test_bad_input_gets_one_sentence(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(project)
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A module, and suites for it that cannot be compared."""
    (tmp_path / "tiny.py").write_text("ANSWER = 42\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --disable-plugin-autoload\n")
    for name, text in {
        "good.py": "import tiny\n\ndef test_good():\n    assert tiny.ANSWER\n",
        "alien.py": "def test_good():\n    assert True\n",
        "red.py": "def test_red():\n    assert 6 * 9 == 42\n",
        "empty.py": "",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("after", "code", "sentence"),
    [
        ("tiny:alien.py", 2, "The tests in alien.py never reach 'tiny': are they its own?"),
        ("tiny:red.py", 1, "The suite red.py does not pass (red.py::test_red), and"),
        ("tiny:empty.py", 2, "There are no tests in empty.py: nothing can be compared."),
    ],
)
def test_suites_that_cannot_be_compared(tiny: Path, after: str, code: int, sentence: str) -> None:
    process = start(tiny, "--before", "tiny:good.py", "--after", after, "--out", "out")
    returned, _, errors = finish(process)
    assert (returned, list((tiny / "out").iterdir())) == (code, [])
    assert sentence in errors.splitlines()[-1]
    assert ("assert (6 * 9) == 42" in errors) == (code == 1)
    assert "Traceback" not in errors


def test_suites_without_a_pair_cannot_be_compared(tmp_path: Path) -> None:
    def measured(name: str) -> Measured:
        suite = Suite(name, "tiny", tmp_path, Path(f"{name}.py"))
        test = {"name": f"test_{name}", "behaviours": [], "phases": {}}
        return Measured(suite, {"some": test}, True, {}, {}, {})

    with pytest.raises(Problem, match=r"No test in one\.py has its counterpart"):
        figures_of(measured("one"), measured("two"))


def test_ctrl_c_stops_everything(project: Path) -> None:
    process = start(project, *SUITES, "--out", "out-stopped")
    while not (project / "out-stopped").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert finish(process)[::2] == (2, "The comparison was stopped; nothing was written.\n")
    assert list((project / "out-stopped").iterdir()) == []


def test_an_older_report_survives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "comparison.json").write_text("older")
    monkeypatch.setattr(report, "pages", lambda result: {"comparison.json": "new", "a/b": ""})
    with pytest.raises(Problem, match="nothing can be written there"):
        report.write({}, tmp_path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["older"]


def test_lines_are_lines_with_code(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(
        '"""About."""\n\nimport os  # used\n\n# why\ndef long(\n    a,\n):\n    """Do."""\n\n'
        '    return """\n\n    text"""\n\nclass Empty:\n    """Nothing."""\n'
    )
    size = static.size([tmp_path / "some.py"])
    assert (size.lines, size.functions, size.longest_function, size.classes) == (8, 1, 6, 1)


def test_a_layer_is_the_first_folder_or_module(tmp_path: Path) -> None:
    for name in ("app.py", "views/a.py", "views/deep/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    layers = static.sizes(tmp_path)
    assert {name: size["files"] for name, size in layers.items()} == {
        "total": 3,
        "app.py": 1,
        "views": 2,
    }


def test_nothing_worse_still_says_what_was_looked_at() -> None:
    same = {
        "total": dict.fromkeys((metric.key for metric in metrics.COST), 1),
        "coverage": {},
        "code": {},
        "test_code": dict.fromkeys((m.key for m in metrics.SIZE + metrics.SHAPE), 1),
    }
    entries = worse({"before": same, "after": same}, [])
    assert [entry["worse"] for entry in entries] == [[]] * len(entries)
    assert {entry["metric"] for entry in entries} >= {metric.key for metric in metrics.COST}


def test_the_plot_is_the_same_each_time() -> None:
    def row(name: str, before: int, after: int) -> Json:
        costs = [{"cost": {"setup_calls": calls}} for calls in (before, after)]
        return {"id": name, "before": costs[0], "after": costs[1]}

    rows = [row("some.thing", 1200, 0), row("same", 0, 0), row("worse", 10, 20000)]
    drawn = plot.setup_plot(rows)
    assert drawn == plot.setup_plot(rows)
    assert "some.thing" in drawn and "var(--before)" in drawn and "date" not in drawn
