"""`make prove`: what it accepts, what it sums up, and that it finds nothing in a few journeys."""

import json
import re

import pytest

from workbench.environment import Problem
from workbench.prove import Outcome, main


def message(**differences):
    """What a process reports."""
    counts = {
        "routes": {"GET /": 3},
        "statuses": {"200": 3},
        "faults": {},
        "oracles": {"seats": 6},
    }
    return {"journeys": 2, "requests": 3, **counts, "failure": None, **differences}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--requests", "many"],
        ["--requests", "0"],
        ["--seed", "-1"],
        ["--seed", "1000000000"],
        ["--fast"],
    ],
)
def test_arguments_that_are_not_accepted_are_one_sentence(arguments):
    with pytest.raises(Problem, match=r"^prove: .*\.$"):
        main(arguments)


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path):
    with pytest.raises(Problem, match="cannot be written"):
        main(["--report", str(tmp_path / "nowhere" / "report.json")])


def test_the_latest_message_of_each_process_counts():
    outcome = Outcome()

    outcome.note(0, message(journeys=1, requests=1))
    outcome.note(0, message())
    outcome.note(1, message(routes={"GET /": 1, "POST /login": 2}))

    assert outcome.report(5) == {
        "seed": 5,
        "journeys": 4,
        "requests": 6,
        "failed_after_journeys": None,
        "failure": None,
        "routes": {"GET /": 4, "POST /login": 2},
        "statuses": {"200": 6},
        "faults": {},
        "oracles": {"seats": 12},
    }


def test_a_failure_is_reported_with_its_journeys_and_then_shortened():
    outcome = Outcome()
    outcome.note(0, message())

    outcome.note(1, message(failure="a long journey"))
    outcome.note(1, {"shortest": "a short journey"})

    report = outcome.report(5)
    assert (report["failed_after_journeys"], report["failure"]) == (4, "a short journey")


def test_a_process_that_ends_early_is_a_failure():
    outcome = Outcome()
    outcome.note(0, message())

    outcome.note_crash(-9, "")

    report = outcome.report(5)
    assert report["failed_after_journeys"] == 2
    assert "exit code -9" in report["failure"]


def test_a_few_journeys_find_nothing_and_are_reported(tmp_path, capfd):
    report = tmp_path / "report.json"

    exit_code = main(["--requests", "20", "--seed", "3", "--report", str(report)])

    assert exit_code == 0, capfd.readouterr().out
    found = json.loads(report.read_text("utf-8"))
    assert found["seed"] == 3
    assert found["requests"] >= 20
    assert found["failure"] is None
    shown = capfd.readouterr().out
    assert "Seed 3" in shown
    assert re.search("Differences and broken rules +none", shown)
