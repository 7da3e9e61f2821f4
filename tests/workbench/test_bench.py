"""`make bench`: what is counted, how ratios are made, and what is said when something fails."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from workbench import bench
from workbench.bench import checkouts, commands, pages, statements, suite
from workbench.bench.results import Result, ratio
from workbench.bench.rounds import Record
from workbench.bench.shops import EVENT, Shop, Visitor, no_outside_world
from workbench.environment import ROOT, Problem
from workbench.postgres import find_programs
from workbench.run import PACKAGES

PAID = f"""
    SELECT count(*) FROM orders JOIN events ON events.id = event_id
    WHERE slug = '{EVENT}' AND status = 'paid'
"""
CAPACITY = f"SELECT capacity FROM events WHERE slug = '{EVENT}'"


def a_result(**differences: Any) -> Result:
    facts = {"section": "Pages", "what": "about", "unit": "×", "at_most": 1.05, "measured": 1.0}
    return Result(**{**facts, **differences})


def a_record(file: str, *seconds: float, session: bool = False) -> Record:
    return {"file": file, "session": session, "seconds": list(seconds)}


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


def test_a_ratio_is_the_median_of_the_pairs_with_its_quartiles() -> None:
    assert ratio([1.0, 2.0, 4.0, 1.0, 1.0], [5.0, 2.0, 16.0, 2.0, 3.0]) == (3.0, (2.0, 4.0))


def test_halves_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_a_burst_in_one_pair_does_not_move_the_median() -> None:
    before, after = [1.0] * 9, [1.02] * 8 + [50.0]

    assert ratio(before, after) == (1.02, (1.02, 1.02))


@pytest.mark.parametrize(
    ("target", "measured", "verdict"),
    [
        ({"at_most": 1.05}, 1.04, "held"),
        ({"at_most": 1.05}, 1.05, "held"),
        ({"at_most": 1.05}, 1.051, "missed"),
        ({"at_most": 0}, 1, "missed"),
        ({"at_most": None, "at_least": 0.95}, 0.949, "missed"),
        ({"at_most": None, "at_least": 0.95}, 0.95, "held"),
        ({"at_most": None}, 9.0, ""),
    ],
)
def test_a_target_is_held_up_to_its_last_digit(
    target: dict[str, float | None], measured: float, verdict: str
) -> None:
    assert a_result(measured=measured, **target).verdict == verdict


@pytest.mark.parametrize(
    ("result", "failures", "code"),
    [
        (a_result(), {}, 0),
        (a_result(measured=9.0), {}, 0),
        (a_result(exact=True, measured=9.0), {}, 1),
        (a_result(), {"tests": "No."}, 2),
        (a_result(exact=True, measured=9.0), {"tests": "No."}, 2),
        (a_result(), {bench.OPTIONAL: "PostgreSQL is not installed."}, 0),
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
        a_result(section="Waiting", what="make test", unit="s", at_most=20, measured=18.04),
        a_result(what="checkouts", measured=0.9, at_most=None, at_least=0.95),
        a_result(what="limit", measured=800, unit="/s", at_most=None, note="as it is"),
    ]

    lines = [" ".join(line.split()) for line in bench.table(results).splitlines()]

    assert lines == [
        "measured target quartiles",
        "Pages",
        "about 1.000 × ≤ 1.05 × held 0.98–1.02 0.35 ms → 0.35 ms",
        "event list 1.100 × ≤ 1.05 × missed",
        "Waiting",
        "make test 18.0 s ≤ 20 s held",
        "Pages",
        "checkouts 0.900 × ≥ 0.95 × missed",
        "limit 800 /s as it is",
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


def test_statements_are_counted_within_the_block_only() -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with statements.counted_statements(engine) as counted:
            connection.execute(text("SELECT 2"))
            connection.execute(text("SELECT 3"))
        connection.execute(text("SELECT 4"))

    assert counted == ["SELECT 2", "SELECT 3"]


def test_a_page_that_does_not_answer_as_it_should_is_not_timed() -> None:
    visitor: Any = SimpleNamespace(app=SimpleNamespace(import_name="before_mvt"))
    answer: Any = SimpleNamespace(status_code=503)
    page = pages.Page("event list", lambda visitor: answer)

    with pytest.raises(Problem, match="event list of before_mvt answers 503 instead of 200"):
        pages.take_sample(page, visitor, 2)


def test_every_page_of_both_shops_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SAMPLE_SECONDS", 0.0001)

    timed = pages.measure_pages(rounds=2)

    assert [result.what for result in timed] == [page.what for page in pages.PAGES]
    assert all(result.measured > 0 for result in timed)


def test_more_events_and_more_orders_cost_no_more_statements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statements, "MANY_EVENTS", 60)
    monkeypatch.setattr(statements, "MANY_ORDERS", 60)

    counted = statements.measure_statements()

    assert {result.what: result.measured for result in counted} == {
        f"{name}, {what}": number
        for name in PACKAGES
        for what, number in {
            "with 60 events": 3,
            "more than with 10 events": 0,
            "sales report": 0,
            "serving the waiting list": 0,
        }.items()
    }
    assert all(result.exact and result.verdict == "held" for result in counted)


@pytest.mark.parametrize("name", list(PACKAGES))
def test_the_crowd_is_there_when_the_statements_are_counted(name: str) -> None:
    with no_outside_world():
        shop = Shop(name)
        shop.crowd(orders=10, waiting=3)
        organiser = Visitor(shop.app)
        organiser.log_in()
        report = organiser.get(f"/organiser/events/{EVENT}/sales?format=csv").text
        expired = shop.app.test_cli_runner().invoke(args=["jobs", "expire"]).output

    assert report.splitlines()[-1].startswith("total,5,5,50.00,")
    assert "expired orders: 5\n" in expired
    assert "offers mailed: 3\n" in expired


def test_buyers_really_buy_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkouts, "CHECKOUTS", 10)
    monkeypatch.setattr(checkouts, "BARE_UPDATES", 10)
    databases = {name: f"sqlite:///{tmp_path / name}.sqlite" for name in PACKAGES}

    compared, limit = checkouts.compare_checkouts("SQLite", databases, rounds=2)

    assert compared.measured > 0 and limit.measured > 0
    assert (compared.at_least, limit.target) == (0.95, "")
    for name in PACKAGES:
        with sqlite3.connect(tmp_path / f"{name}.sqlite") as database:
            paid = database.execute(PAID).fetchone()[0]
            capacity = database.execute(CAPACITY).fetchone()[0]
        database.close()
        assert paid == 3 * 10
        assert capacity == 100_000 - (3 * 10 if name == "after" else 0)


def test_both_shops_have_a_database_of_their_own_on_postgres(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        find_programs()
    except Problem as problem:
        pytest.skip(str(problem))
    monkeypatch.setattr(checkouts, "CHECKOUTS", 10)
    monkeypatch.setattr(checkouts, "BARE_UPDATES", 10)

    compared, limit = checkouts.measure_on_postgres(2)

    assert (compared.what, compared.at_least) == ("PostgreSQL", 0.95)
    assert compared.measured > 0 and limit.measured > 0


def test_a_checkout_that_fails_is_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Visitor, "buy", lambda visitor: visitor.get("/events/none"))
    with no_outside_world():
        buyers = checkouts.Buyers(Shop("before").app)

        with pytest.raises(Problem, match="before_mvt: a checkout answers 404"):
            buyers.buy()


def test_without_postgres_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("workbench.postgres.PLACES", ())

    results, failures = bench.measure(
        {bench.OPTIONAL: lambda: checkouts.measure_on_postgres(2), "pages": lambda: [a_result()]}
    )

    assert results == [a_result()]
    assert "PostgreSQL is not installed" in failures[bench.OPTIONAL]
    assert bench.exit_code(results, failures) == 0


RULE = suite.Group("a pure rule", False, 1.3)
SERVICE = suite.Group("a service", True, 6)


def test_a_test_with_a_session_is_one_of_a_service() -> None:
    empty = a_record(suite.EMPTY, 1.0, 1.0, 1.0)
    rule = a_record("tests/rules.py", 1.0, 1.1, 1.1)
    service = a_record("tests/services.py", 5.0, 5.0, 5.0, session=True)

    result = suite.compare_group(SERVICE, [empty, rule, service])

    assert (result.measured, result.verdict) == (5.0, "held")


def test_a_test_is_compared_with_the_empty_ones_of_its_round_and_the_first_does_not_count() -> (
    None
):
    empty = a_record(suite.EMPTY, 99.0, 1.0, 2.0, 1.0)
    rule = a_record("tests/rules.py", 1.0, 1.5, 3.0, 1.5)

    result = suite.compare_group(RULE, [empty, rule])

    assert (result.measured, result.quartiles) == (1.5, (1.5, 1.5))


def test_a_group_without_tests_is_told_in_one_sentence() -> None:
    with pytest.raises(Problem, match="There is no test of a pure rule in tests/after"):
        suite.compare_group(RULE, [a_record(suite.EMPTY, 1.0, 1.0, 1.0)])


def test_pytest_times_each_test_without_parameters_in_rounds(tmp_path: Path) -> None:
    module = "import pytest\n\n@pytest.mark.parametrize('n', [1])\ndef test_n(n):\n    pass\n"
    (tmp_path / "test_empty.py").write_text(module + suite.EMPTY_TESTS)
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
    assert len(records) == suite.EMPTY_TESTS.count("def ")
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
