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

import workbench
from workbench.compare import arguments, ledger, main, metrics, plot, report, static, wording
from workbench.compare.figures import control, timings
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
    """Start the tool in another project, as its page says."""
    return subprocess.Popen(
        [sys.executable, "-m", "workbench.compare", *arguments],
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
    assert some(row["before"]["median"], "tests", "setup_sql", "assertions") == [1, 4, 1]


def test_a_test_without_a_behaviour_is_paired_by_its_name(rows: dict[str, Json]) -> None:
    assert rows["test_by_name"]["paired_by"] == "test name"
    assert rows["about"]["paired_by"] == "behaviour"


def test_what_has_no_counterpart_is_listed(figures: Json) -> None:
    alone = {side: [row["id"] for row in rows] for side, rows in figures["unpaired"].items()}
    assert alone == {"before": ["test_leaves_something_behind"], "after": []}


def test_what_has_no_counterpart_is_listed_apart_from_all_tests(figures: Json) -> None:
    before, after = (figures["suites"][side] for side in ("before", "after"))
    lonely = before["tests"]["tests_before/test_book.py::test_leaves_something_behind"]
    assert before["alone"] == lonely
    # The median test and the like are about the others.
    assert before["no_setup"] == {"tests": 3, "of": 11, "percent": 27.3}
    assert after["no_setup"] == {"tests": 4, "of": 9, "percent": 44.4}
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


def test_the_same_test_on_the_same_code_is_the_control(project: Path, figures: Json) -> None:
    same = {entry["test"]: entry for entry in figures["same_tests"]}
    # `test_about` is the same function, but `client` is another fixture: not the same test.
    assert list(same) == ["test_prune[2]", "test_prune[3]", "test_the_motto"]
    assert same["test_prune[2]"]["parts"] == ["setup", "body", "teardown"]
    assert len(set(same["test_prune[2]"]["same_code"].values())) == 1
    # The functions that it runs differ in its body, so there it is no control.
    assert same["test_the_motto"]["parts"] == ["setup", "teardown"]
    assert figures["control"] == {
        "tests": 2,
        "holds": True,
        "off": [],
        "other_code": {
            "tests": 1,
            "lowest": 1.0,
            "median": 1.0,
            "highest": 1.0,
            "highest_test": "test_the_motto",
        },
    }


def test_the_verdict_of_the_control_is_said_everywhere(
    project: Path, figures: Json, outputs: list[str]
) -> None:
    verdict = wording.control_verdict(figures["control"])
    assert verdict.startswith("The control holds: 2 tests are the same in both suites")
    assert verdict in " ".join(outputs[0].split())
    for page in ("index.html", "comparison.md"):
        text = (project / "out-1" / page).read_text("utf-8")
        assert verdict in text
        assert "1 test is the same in both suites, but not all of the code" in text


def same_test(before: int, after: int, *parts: str) -> Json:
    calls = {"before": before, "after": after}
    shown = calls if parts else {"before": 0, "after": 0}
    return {"test": "test_it", "parts": parts, "same_code": shown, "all_code": calls}


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        ([same_test(1000, 1010, "body")], "The control holds: 1 test is"),
        ([same_test(1000, 1011, "body")], "The control does not hold: 1 test is"),
        ([same_test(1000, 989, "body")], "The control does not hold: 1 test is"),
        ([same_test(0, 1, "body")], "The control does not hold: 1 test is"),
        ([same_test(0, 0, "body")], "There is no control"),
        ([same_test(1000, 1000)], "There is no control"),
        ([], "There is no control"),
    ],
)
def test_what_the_control_says(entries: list[Json], verdict: str) -> None:
    found = control(entries)
    assert found["holds"] == verdict.startswith("The control holds")
    assert wording.control_verdict(found).startswith(verdict)


def test_behaviours_are_distinguished_by_what_their_median_test_costs(figures: Json) -> None:
    per_test = figures["per_test"]
    assert some(per_test, "fewer", "same", "more") == [3, 2, 2]
    assert [loss["id"] for loss in per_test["largest_losses"]] == ["about", "test_by_name"]


def test_the_whole_is_shown_without_the_group_that_speaks_most_for_after(figures: Json) -> None:
    without = {group["id"]: group for group in figures["groups"]}
    assert figures["without_one_group"]["id"] == "book"
    for side in ("before", "after"):
        left = figures["without_one_group"][side]
        assert left == without["book"][side]["median_calls_of_others"]


def test_what_comes_with_an_installer_is_no_framework() -> None:
    folder = ledger.SITE_PACKAGES[0]
    for name in ("_distutils_hack/__init__.py", "_virtualenv.py", "__editable___shop_finder.py"):
        assert ledger.third_party_package(folder + name) is None
    assert ledger.third_party_package(f"{folder}flask/app.py") == "flask"


def test_what_is_worse_is_found(figures: Json) -> None:
    found = {
        (entry["kind"], entry["metric"]): [row["id"] for row in entry["worse"]]
        for entry in figures["worse"]
    }
    assert found["A behaviour's tests together", "setup_sql"] == ["about", "test_by_name"]
    # Of this one, the sum hides it: it has two tests before, and one after.
    assert found["A behaviour's median test", "setup_sql"] == [
        "about",
        "book.list",
        "test_by_name",
    ]
    assert found["A behaviour's median test", "body_calls"] == []
    assert found["Code of the package", "files"] == ["services", "total"]
    assert found["Coverage of a layer", "lines_percent"] == ["app.py", "total"]


def test_coverage_distinguishes_bodies_from_set_up(figures: Json) -> None:
    app = figures["suites"]["before"]["coverage"]["app.py"]
    keys = ("lines_percent", "branches_percent", "by_body_percent", "by_setup_only_percent")
    # In set-up the app is made; what its views do is reached by the bodies of tests.
    assert some(app, *keys) == [100, 100, 61.9, 38.1]


def test_clock_times_are_kept_apart(results: list[Json]) -> None:
    assert "seconds" not in json.dumps(results[0]["figures"])
    assert results[0]["timings"]["all behaviours"]["body"]["median"] > 0


def test_the_reports_say_the_same(project: Path, outputs: list[str]) -> None:
    page = (project / "out-1" / "index.html").read_text("utf-8")
    markdown = (project / "out-1" / "comparison.md").read_text("utf-8")
    assert "Of 7 behaviours, the median test needs fewer framework calls in set-up" in page
    sentence = (
        "Of 7 behaviours, the median test makes fewer framework calls after than before in 3"
    )
    assert sentence in page and sentence in markdown
    assert "test_leaves_something_behind" in page
    # Nothing is loaded from anywhere.
    assert page.count("<svg") == 1
    assert not [word for word in ("<script", "<link", "<img", "src=", "@import") if word in page]


def test_the_table_in_the_terminal_is_short(outputs: list[str]) -> None:
    _, _, table = outputs[0].partition("after ÷ before")
    assert "out-1/index.html" in table
    assert len(table.splitlines()) <= 30


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--before", "book"], "--before book: accepted is PACKAGE:TESTS"),
        (["--before", ":tests_before"], "--before :tests_before: accepted is PACKAGE:TESTS"),
        (["--before", "no_such:tests_before"], "finds no package or module 'no_such'"),
        (["--before", "book_before:nowhere"], "no folder or file of tests at nowhere"),
        (["--before", "book_before:tests_before,"], "several are separated by commas"),
        (["--before", "book_before:tests_before,no"], "no folder or file of tests at no."),
        ([*SUITES, "--before-args='-k"], "--before-args '-k: this cannot be read"),
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
        suite = Suite(name, "tiny", tmp_path, (Path(f"{name}.py"),))
        test = {"name": f"test_{name}", "behaviours": [], "phases": {}}
        return Measured(suite, {"some": test}, True, {}, {}, {})

    with pytest.raises(Problem, match=r"No test in one\.py has its counterpart"):
        figures_of(measured("one"), measured("two"))


TWICE = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--edition", default="none")

@pytest.fixture
def edition(pytestconfig):
    return __import__(pytestconfig.getoption("edition"))
"""
SHARED = """
from helpers.words import GREETING

def test_shared(edition):
    assert edition.greet() == GREETING
"""


def test_tests_may_be_in_both_suites_and_are_given_what_they_need(tmp_path: Path) -> None:
    for name, text in {
        "first.py": "def greet():\n    return 'Hello'\n",
        "second.py": "def greet():\n    return 'Hello'\n",
        "pytest.ini": "[pytest]\naddopts = --disable-plugin-autoload\npythonpath = tests\n",
        "tests/conftest.py": TWICE,
        "tests/helpers/words.py": "GREETING = 'Hello'\n",
        "tests/helpers/unused.py": "x = 1\n",
        "tests/shared/test_shared.py": SHARED,
        "tests/own/test_own.py": "def test_own():\n    assert True\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    tests = "tests/shared,tests/own"
    sides = [f"--before=first:{tests}", "--before-args=--edition first"]
    sides += [f"--after=second:{tests}", "--after-args=--edition second"]
    assert finish(start(tmp_path, *sides, "--out", "out"))[::2] == (0, "")
    result = json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8"))
    # Its conftest.py and its helpers are counted, though they are beside the tests.
    assert result["figures"]["suites"]["after"]["test_code"]["files"] == 4
    assert [entry["parts"] for entry in result["figures"]["same_tests"]] == [
        ["setup", "body", "teardown"],
        ["setup", "body", "teardown"],
    ]
    command = "--after second:tests/shared,tests/own --after-args='--edition second'"
    assert command in (tmp_path / "out" / "comparison.md").read_text("utf-8")


def test_without_arguments_the_two_suites_of_this_project_are_compared() -> None:
    wanted = arguments([])
    assert wanted.before == "before_mvt:tests/before,tests/control"
    assert wanted.before_args == "--app before_mvt"
    assert wanted.after == "after_service_layer:tests/after,tests/control"
    wanted = arguments(["--before", "shop:tests"])
    assert (wanted.before, wanted.before_args) == ("shop:tests", "")


def test_elsewhere_both_suites_have_to_be_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(workbench, "suites", raising=False)
    monkeypatch.setitem(sys.modules, "workbench.suites", None)
    monkeypatch.chdir(project)
    assert main(["--before", "book_before:tests_before"]) == 2
    assert capsys.readouterr().err.startswith("--after is needed: its default is a suite of this")


# What freezegun does: each global that is the function itself is replaced.
FROZEN = """
import sys, time
import pytest

@pytest.fixture(autouse=True)
def frozen():
    real = time.perf_counter
    places = [(m, k) for m in list(sys.modules.values()) for k, v in list(vars(m).items())
              if v is real]
    for module, name in places:
        setattr(module, name, lambda: 1.0)
    yield
    for module, name in places:
        setattr(module, name, real)
"""


def test_a_test_may_stop_the_clock(tiny: Path) -> None:
    (tiny / "conftest.py").write_text(FROZEN)
    suite = "tiny:good.py"
    assert finish(start(tiny, "--before", suite, "--after", suite, "--out", "out"))[::2] == (0, "")
    result = json.loads((tiny / "out" / "comparison.json").read_text("utf-8"))
    assert result["timings"]["all behaviours"]["body"]["median"] > 0


def test_without_seconds_there_is_no_ratio(tmp_path: Path) -> None:
    suite = Suite("before", "tiny", tmp_path, (tmp_path,))
    tests = {"a": {"seconds": {"setup": 0.0, "body": 0.5}}}
    measured = Measured(suite, tests, True, {}, {}, {})
    row = {"group": "some", "before": {"tests": ["a"]}, "after": {"tests": ["a"]}}
    assert timings([row], measured, measured) == {}


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
    costs = dict.fromkeys((metric.key for metric in metrics.COST), 1)
    same = {
        "total": costs,
        "median_test": costs,
        "no_setup": {"percent": 50},
        "coverage": {},
        "code": {},
        "test_code": dict.fromkeys((m.key for m in metrics.SIZE + metrics.SHAPE), 1),
    }
    entries = worse({"before": same, "after": same}, [])
    assert [entry["worse"] for entry in entries] == [[]] * len(entries)
    assert {entry["metric"] for entry in entries} >= {metric.key for metric in metrics.COST}


def test_the_plot_is_the_same_each_time() -> None:
    def row(name: str, before: int, after: int) -> Json:
        costs = [{"median": {"setup_calls": calls}} for calls in (before, after)]
        return {"id": name, "before": costs[0], "after": costs[1]}

    rows = [row("some.thing", 1200, 0), row("same", 0, 0), row("worse", 10, 20000)]
    drawn = plot.setup_plot(rows)
    assert drawn == plot.setup_plot(rows)
    assert "some.thing" in drawn and "var(--before)" in drawn and "date" not in drawn
