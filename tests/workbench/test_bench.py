"""`make bench`: how ratios are made, what is timed, and the message when something fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from workbench import bench
from workbench.bench import pages, service_tests
from workbench.bench.results import Result, ratio
from workbench.environment import ROOT, Problem


def a_result(**differences: Any) -> Result:
    facts = {"section": "Pages", "what": "about", "unit": "×", "measured": 1.0, "at_most": 1.05}
    return Result(**{**facts, **differences})


@pytest.mark.parametrize(("argv", "rounds"), [([], 40), (["--quick"], 12)])
def test_a_quick_measurement_has_fewer_rounds(argv: list[str], rounds: int) -> None:
    assert bench.read_rounds(argv) == rounds


@pytest.mark.parametrize("argument", ["--fast", "pages", "--quick=yes"])
def test_another_argument_is_refused_in_one_sentence(argument: str) -> None:
    with pytest.raises(Problem) as refused:
        bench.main([argument])

    sentence = str(refused.value)
    assert argument.split("=")[0] in sentence
    assert sentence.endswith("accepted is --quick.")
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
    ("measured", "verdict"), [(1.04, "held"), (1.05, "held"), (1.051, "missed")]
)
def test_a_target_is_held_up_to_its_last_digit(measured: float, verdict: str) -> None:
    assert a_result(measured=measured).verdict == verdict


def test_the_table_says_what_is_held_and_what_is_missed() -> None:
    results = [
        a_result(quartiles=(0.98, 1.02), note="0.35 ms → 0.35 ms"),
        a_result(what="event list", measured=1.1),
        a_result(section="Waiting", what="make test", unit="s", at_most=20, measured=18.04),
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


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 2)])
def test_only_what_was_not_measured_fails_the_command(
    monkeypatch: pytest.MonkeyPatch, fails: bool, code: int
) -> None:
    def measured(*rounds: int) -> list[Result]:
        return [a_result(measured=9.0)]

    def failing() -> list[Result]:
        raise Problem("it fails.")

    monkeypatch.setattr(bench, "measure_service_tests", measured)
    monkeypatch.setattr(bench, "measure_pages", measured)
    monkeypatch.setattr(bench, "measure_make_test", failing if fails else measured)

    assert bench.main([]) == code


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


PASSES = """
import pytest
from after_service_layer.services.checkout import Checkout

@pytest.fixture
def app():
    pass

class Fake(Checkout):
    def __init__(self):
        pass

@pytest.mark.behaviour("checkout.paid")
def test_paid():
    sum(range(100_000))
    # It has nothing to work with: the call ends at once.
    with pytest.raises((AttributeError, TypeError)):
        Fake().place(None, None)

@pytest.mark.behaviour("checkout.paid")
def test_without_a_call():
    pass

@pytest.mark.behaviour("checkout.paid")
def test_page(app):
    pass

@pytest.mark.behaviour("checkout.refused")
def test_refused():
    pass
"""


def test_the_tests_of_a_paid_checkout_are_timed_in_rounds(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(PASSES)
    report = tmp_path / "out.json"
    options = ["-p", "no:randomly", "-p", "workbench.bench.service_tests"]
    options += ["--rounds=3", f"--rounds-report={report}"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    rounds = json.loads(report.read_text("utf-8"))
    assert len(rounds) == 3
    for (call, test), (no_call, _) in rounds:
        assert 0 < call < test
        assert no_call == 0


def test_a_test_is_compared_with_its_call_and_the_first_round_does_not_count() -> None:
    rounds = [[(1.0, 99.0), (0.0, 1.0)]] + [[(2.0, 3.0), (0.0, 1.0)]] * 3

    result = service_tests.compare(rounds)

    assert (result.what, result.measured) == ("a paid checkout, 1 tests", 1.5)
    assert (result.quartiles, result.verdict) == ((1.5, 1.5), "held")


def test_without_such_a_test_there_is_nothing_to_compare() -> None:
    with pytest.raises(Problem, match="has no test of a paid checkout that calls the service"):
        service_tests.compare([[(0.0, 1.0)], [(0.0, 1.0)]])
