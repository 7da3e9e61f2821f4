"""`make bench`: what is counted, how ratios are made, and what is said when something fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from workbench import bench
from workbench.bench import commands, pages, suite
from workbench.bench.results import Result, paired_ratios, spread
from workbench.bench.rounds import Record
from workbench.bench.shops import Shop, no_outside_world
from workbench.environment import ROOT, Problem


def a_result(**differences: Any) -> Result:
    facts = {"section": "Pages", "what": "about", "unit": "×", "target": 1.05, "measured": 1.0}
    return Result(**{**facts, **differences})


def a_record(file: str, parameters: int, *seconds: float, session: bool = False) -> Record:
    return {
        "file": file,
        "parameters": parameters,
        "session": session,
        "seconds": list(seconds),
    }


def empty_records(*seconds: float) -> list[Record]:
    """Return an empty test for each number of parameters; each parameter adds what none takes."""
    return [
        a_record(suite.EMPTY, n, *((n + 1) * second for second in seconds))
        for n in range(suite.MOST_PARAMETERS + 1)
    ]


def test_without_arguments_nothing_is_downloaded() -> None:
    assert vars(bench.read_arguments([])) == {"quick": False, "fresh_clone": False}


def test_both_options_are_read() -> None:
    wanted = bench.read_arguments(["--quick", "--fresh-clone"])

    assert vars(wanted) == {"quick": True, "fresh_clone": True}


@pytest.mark.parametrize("argument", ["--fast", "pages", "--fresh", "--quick=yes"])
def test_another_argument_is_refused_in_one_sentence(argument: str) -> None:
    with pytest.raises(Problem) as refused:
        bench.main([argument])

    sentence = str(refused.value)
    assert argument.split("=")[0] in sentence
    assert sentence.endswith("accepted are --quick and --fresh-clone.")
    assert "\n" not in sentence


def test_a_ratio_is_that_of_each_pair() -> None:
    assert paired_ratios([1.0, 2.0, 4.0], [2.0, 2.0, 1.0]) == [2.0, 1.0, 0.25]


def test_halves_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [1.0])


def test_the_spread_is_the_median_and_the_quartiles() -> None:
    assert spread([5.0, 1.0, 4.0, 2.0, 3.0]) == (3.0, (2.0, 4.0))


def test_a_burst_in_one_pair_does_not_move_the_median() -> None:
    before, after = [1.0] * 9, [1.02] * 8 + [50.0]

    assert spread(paired_ratios(before, after)) == (1.02, (1.02, 1.02))


@pytest.mark.parametrize(
    ("measured", "verdict"), [(1.04, "held"), (1.05, "held"), (1.051, "missed")]
)
def test_a_target_is_held_up_to_its_last_digit(measured: float, verdict: str) -> None:
    assert a_result(measured=measured).verdict == verdict


@pytest.mark.parametrize(
    ("result", "failures", "code"),
    [
        (a_result(), {}, 0),
        (a_result(measured=9.0), {}, 0),
        (a_result(exact=True, measured=9.0), {}, 1),
        (a_result(), {"tests": "No."}, 2),
        (a_result(exact=True, measured=9.0), {"tests": "No."}, 2),
    ],
)
def test_only_a_missed_count_and_what_was_not_measured_fail_the_command(
    result: Result, failures: dict[str, str], code: int
) -> None:
    assert bench.exit_code([result], failures) == code


def test_the_table_says_what_is_held_and_what_is_missed() -> None:
    results = [
        a_result(quartiles=(0.98, 1.02), note="0.35 ms → 0.35 ms"),
        a_result(what="event list", measured=1.1),
        a_result(section="Waiting", what="make test", unit="s", target=20, measured=18.04),
    ]

    lines = [" ".join(line.split()) for line in bench.table(results).splitlines()]

    assert lines == [
        "measured target quartiles",
        "Pages",
        "about 1.000 × ≤ 1.05 × held 0.98–1.02 0.35 ms → 0.35 ms",
        "event list 1.100 × ≤ 1.05 × missed",
        "Waiting",
        "make test 18.0 s ≤ 20 s held",
    ]


def test_what_was_measured_is_kept_when_something_else_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> list[Result]:
        raise Problem("The tests fail.")

    results, failures = bench.measure({"tests": fail, "pages": lambda: [a_result()]})

    assert results == [a_result()]
    assert failures == {"tests": "The tests fail."}
    assert capsys.readouterr().err.splitlines() == [
        "[1/2] Measuring tests ...",
        "[2/2] Measuring pages ...",
    ]


def test_the_report_has_the_machine_and_every_result_but_no_date(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bench.json"

    bench.write_report(path, [a_result(exact=True)], {"tests": "No."})

    report = json.loads(path.read_text("utf-8"))
    assert report["machine"] == bench.machine()
    assert report["not_measured"] == {"tests": "No."}
    assert report["results"] == [
        {
            "section": "Pages",
            "what": "about",
            "unit": "×",
            "target": 1.05,
            "measured": 1.0,
            "quartiles": None,
            "note": "",
            "exact": True,
            "verdict": "held",
        }
    ]


def test_a_report_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file where a folder should be")

    with pytest.raises(Problem, match=r"bench\.json cannot be written"):
        bench.write_report(tmp_path / "build" / "bench.json", [], {})


def test_statements_are_counted_within_the_block_only() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with pages.counted_statements(engine) as statements:
            connection.execute(text("SELECT 2"))
            connection.execute(text("SELECT 3"))
        connection.execute(text("SELECT 4"))

    assert statements == ["SELECT 2", "SELECT 3"]


def test_a_page_that_does_not_answer_as_it_should_is_not_timed() -> None:
    shop: Any = SimpleNamespace(app=SimpleNamespace(import_name="before_mvt"))
    answer: Any = SimpleNamespace(status_code=503)
    page = pages.Page("event list", lambda shop: answer)

    with pytest.raises(Problem, match="event list of before_mvt answers 503 instead of 200"):
        pages.take_sample(page, shop, 2)


def test_every_page_of_both_shops_is_measured_and_the_list_has_as_much_sql_for_more_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "SAMPLE_SECONDS", 0.0001)
    monkeypatch.setattr(pages, "MANY_EVENTS", 60)

    with no_outside_world():
        before, after = Shop("before"), Shop("after")
        timed = pages.time_pages(before, after, rounds=2)
        counted = [*pages.count_statements(before), *pages.count_statements(after)]

    assert [result.what for result in timed] == [page.what for page in pages.PAGES]
    assert all(result.measured > 0 for result in timed)
    assert [(result.what, result.measured) for result in counted] == [
        ("before, with 60 events", 3),
        ("before, more than with 10 events", 0),
        ("after, with 60 events", 3),
        ("after, more than with 10 events", 0),
    ]
    assert all(result.exact for result in counted)


RULE = suite.Group("a pure rule", False, 1.3)
SERVICE = suite.Group("a service", True, 6)


def test_a_test_is_compared_with_an_empty_one_of_as_many_parameters() -> None:
    plain = a_record("tests/rules.py", 0, 99.0, 1.1, 2.2, 1.1)
    parametrised = a_record("tests/rules.py", 2, 99.0, 3.6, 7.2, 3.6)
    records = [*empty_records(99.0, 1.0, 2.0, 1.0), plain, parametrised]

    results = suite.compare_group(RULE, records)

    assert [(result.what, round(result.measured, 6)) for result in results] == [
        ("a pure rule", 1.1),
        ("a pure rule, parametrised", 1.2),
    ]


def test_a_test_with_a_session_is_one_of_a_service() -> None:
    rule = a_record("tests/rules.py", 0, 1.0, 1.0, 1.0)
    service = a_record("tests/services.py", 0, 5.0, 5.0, 5.0, session=True)

    (result,) = suite.compare_group(SERVICE, [*empty_records(1.0, 1.0, 1.0), rule, service])

    assert (result.measured, result.verdict) == (5.0, "held")


def test_the_first_round_is_not_counted() -> None:
    rule = a_record("tests/rules.py", 0, 100.0, 1.0, 1.0)

    (result,) = suite.compare_group(RULE, [*empty_records(1.0, 1.0, 1.0), rule])

    assert (result.measured, result.quartiles) == (1.0, (1.0, 1.0))


def test_a_group_without_tests_is_told_in_one_sentence() -> None:
    with pytest.raises(Problem, match="There is no test of a pure rule in tests/after"):
        suite.compare_group(RULE, empty_records(1.0, 1.0, 1.0))


def test_pytest_runs_the_empty_tests_in_rounds_and_times_each(tmp_path: Path) -> None:
    (tmp_path / "test_empty.py").write_text(suite.empty_tests())
    options = ["--rootdir=.", "-q", "-p", "workbench.bench.rounds"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rounds=2", "--rounds-report=out.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    records = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [record["parameters"] for record in records] == sorted(
        list(range(suite.MOST_PARAMETERS + 1)) * suite.EMPTY_TESTS
    )
    assert all(len(record["seconds"]) == 2 for record in records)


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('first'); raise SystemExit('the network is down')"]

    with pytest.raises(Problem, match="failed: the network is down"):
        commands.run_quietly(command, tmp_path, os.environ)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no-such-program is not installed"):
        commands.run_quietly(["no-such-program"], tmp_path, os.environ)


def test_a_newcomer_has_an_empty_home_and_no_cache(tmp_path: Path) -> None:
    environ = {
        "HOME": "/home/ada",
        "PATH": "/usr/bin",
        "PIP_CACHE_DIR": "/cache",
        "VIRTUAL_ENV": "/old",
        "GIT_DIR": "/elsewhere",
        "HTTPS_PROXY": "http://proxy.example",
    }

    assert commands.newcomer(environ, tmp_path, with_uv=True) == {
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "PATH": "/usr/bin",
        "HTTPS_PROXY": "http://proxy.example",
    }


def test_uv_is_hidden_where_pip_is_to_be_tried(tmp_path: Path) -> None:
    tools, others = tmp_path / "tools", tmp_path / "others"
    for folder in (tools, others):
        folder.mkdir()
    uv = tools / ("uv.exe" if os.name == "nt" else "uv")
    uv.touch(mode=0o755)
    environ = {"PATH": os.pathsep.join([str(tools), str(others)])}

    hidden = commands.newcomer(environ, tmp_path, with_uv=False)

    assert hidden["PATH"] == str(others)
