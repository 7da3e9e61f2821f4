"""`make planted`: its list fits the apps, its table fits the list, and it says what it should."""

import ast
import subprocess
import time
from pathlib import Path

import pytest

from workbench import planted
from workbench.environment import ROOT, Problem
from workbench.planted import table
from workbench.planted.changes import PACKAGES, Change, misfits, read_changes
from workbench.planted.nets import NAMES, Net, Outcome, Runner, all_nets, nets_for

CHANGES = read_changes(ROOT / "tests/planted.toml")

SEATS = Change(
    id="one-too-many",
    app="before_mvt",
    file="rules.py",
    wrong="One seat too many is sold.",
    old="SEATS = 5",
    new="SEATS = 6",
)
ENTRY = """
[[change]]
id = "one-too-many"
app = "before_mvt"
file = "rules.py"
wrong = "One seat too many is sold."
old = "SEATS = 5"
new = "SEATS = 6"
"""
# Nets that are quick: one that finds the change, and one that finds nothing.
SHARP = Net(
    "tests/before", ("-c", "import sys; sys.exit('6' in open('before_mvt/rules.py').read())")
)
BLIND = Net("tests/equivalence", ("-c", "pass"))


def python(program: str) -> Net:
    return Net("tests/before", ("-c", program))


# The list


def test_there_are_enough_changes_in_both_apps() -> None:
    assert len(CHANGES) >= 40
    for package in ("before_mvt", "after_service_layer"):
        # What is the same in both is changed in both.
        assert sum(package in PACKAGES[change.app] for change in CHANGES) >= 20


def test_every_planted_change_still_applies() -> None:
    assert misfits(CHANGES, ROOT) == []


@pytest.mark.parametrize("change", CHANGES, ids=[change.id for change in CHANGES])
def test_a_planted_change_leaves_a_program_that_can_be_read(change: Change) -> None:
    for file in change.files:
        text = (ROOT / file).read_text("utf-8")
        changed = text.replace(change.old, change.new)
        assert changed != text
        if file.endswith(".py"):
            ast.parse(changed)


@pytest.mark.parametrize(
    ("text", "times"), [("SEATS = 4", 0), ("SEATS = 5\nSEATS = 5", 2), (None, 0)]
)
def test_a_change_that_applies_no_longer_is_named(
    tmp_path: Path, text: str | None, times: int
) -> None:
    (tmp_path / "before_mvt").mkdir()
    if text is not None:
        (tmp_path / "before_mvt/rules.py").write_text(text)

    assert misfits([SEATS], tmp_path) == [
        f"one-too-many: the old text is {times} times in before_mvt/rules.py, not once."
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[change]", "cannot be read"),
        ("", "cannot be read"),
        (ENTRY + 'reason = "?"', "cannot be read"),
        (ENTRY + ENTRY, "more than once"),
        (ENTRY.replace("before_mvt", "flask"), "none of before_mvt, after_service_layer, both"),
    ],
)
def test_a_list_that_cannot_be_used_is_a_problem(
    tmp_path: Path, text: str, complaint: str
) -> None:
    (tmp_path / "planted.toml").write_text(text)

    with pytest.raises(Problem, match=complaint):
        read_changes(tmp_path / "planted.toml")


# The nets


def test_a_change_of_after_is_shown_to_its_own_suite_too() -> None:
    assert [net.name for net in nets_for("after_service_layer")] == list(NAMES)
    assert [net.name for net in nets_for("both")] == list(NAMES)
    assert [net.name for net in nets_for("before_mvt")] == [
        name for name in NAMES if name != "tests/after"
    ]


def test_the_control_runs_every_net_once() -> None:
    assert [net.name for net in all_nets()] == [
        "tests/before",
        "tests/equivalence",
        "journeys",
        "tests/before",
        "tests/after",
    ]


def test_the_exit_code_says_whether_a_net_has_found_something(tmp_path: Path) -> None:
    assert Runner().run(python("pass"), tmp_path) == Outcome(False)
    assert Runner().run(python("import sys; sys.exit(1)"), tmp_path) == Outcome(True)


def test_a_net_that_cannot_be_run_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="tests/before could not be run: no such option"):
        Runner().run(python("print('no such option'); raise SystemExit(4)"), tmp_path)


def test_a_net_without_an_end_is_stopped_with_all_it_has_started(tmp_path: Path) -> None:
    started = time.monotonic()
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    endless = python(program.replace("input()", "import time; time.sleep(60)"))

    outcome = Runner(most_seconds=1).run(endless, tmp_path)

    assert outcome == Outcome(True, "no end in 1 s")
    # Its output ends only when the last process that writes there has ended.
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("failure", "after", "outcome"),
    [
        ("null", "null", Outcome(False)),
        ('"D1"', "12", Outcome(True, "after 12")),
        ('"A process has ended"', "null", Outcome(True, "a crash")),
    ],
)
def test_the_journeys_say_how_many_it_took(
    tmp_path: Path, failure: str, after: str, outcome: Outcome
) -> None:
    report = f'{{"failure": {failure}, "failed_after_journeys": {after}}}'
    (tmp_path / "journeys.json").write_text(report)

    assert Runner().run(Net("journeys", ("-c", "pass")), tmp_path) == outcome


def test_journeys_without_a_report_are_a_problem(tmp_path: Path) -> None:
    crashed = Net("journeys", ("-c", "raise ValueError('not yet')"))

    with pytest.raises(Problem, match="journeys left no report: ValueError: not yet"):
        Runner().run(crashed, tmp_path)


# The command


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one rule and one planted change, and two nets for it."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for folder in ("before_mvt", "tests"):
        (tmp_path / folder).mkdir()
    (tmp_path / "before_mvt/rules.py").write_text("SEATS = 5\n")
    (tmp_path / "tests/planted.toml").write_text(ENTRY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(planted, "ROOT", tmp_path)
    set_nets(monkeypatch, SHARP, BLIND)
    return tmp_path


def set_nets(monkeypatch: pytest.MonkeyPatch, *nets: Net) -> None:
    monkeypatch.setattr(planted, "nets_for", lambda app: list(nets))
    monkeypatch.setattr(planted, "all_nets", lambda: list(nets))


def test_a_change_that_is_found_is_in_the_table(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planted.main([]) == 0

    written = (project / table.TABLE).read_text("utf-8")
    assert "| `one-too-many` | before_mvt | One seat too many is sold. | ✓ |  | – |  |" in written
    assert "- tests/before found 1 of the 1 it looks at, 1 of them alone." in written
    assert "- Found by nothing: none." in written
    assert table.is_fresh()
    assert (
        "one-too-many, before_mvt: tests/before ✓, tests/equivalence –" in capsys.readouterr().out
    )


def test_the_repository_itself_is_not_changed(project: Path) -> None:
    planted.main([])

    assert (project / "before_mvt/rules.py").read_text() == "SEATS = 5\n"


def test_a_table_of_another_list_is_stale(project: Path) -> None:
    planted.main([])
    (project / "tests/planted.toml").write_text(ENTRY.replace("SEATS = 6", "SEATS = 7"))

    assert not table.is_fresh()


def test_a_change_that_nothing_finds_fails_the_command(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_nets(monkeypatch, BLIND)

    assert planted.main([]) == 1
    assert "Found by nothing: one-too-many (before_mvt)." in capsys.readouterr().out


def test_a_change_that_cannot_be_found_is_explained_in_the_table(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_nets(monkeypatch, BLIND)
    (project / "tests/planted.toml").write_text(ENTRY + 'why_not_found = "Nothing counts seats."')

    assert planted.main([]) == 0
    assert "- `one-too-many`: Nothing counts seats." in (project / table.TABLE).read_text("utf-8")


def test_an_explanation_that_is_not_needed_fails_the_command(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "tests/planted.toml").write_text(ENTRY + 'why_not_found = "Nothing counts seats."')

    assert planted.main([]) == 1
    assert "Found after all: one-too-many" in capsys.readouterr().out


def test_nothing_is_planted_where_a_net_finds_something_in_the_unchanged_apps(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_nets(monkeypatch, python("raise SystemExit(1)"))

    assert planted.main([]) == 1
    said = capsys.readouterr().out
    assert "Nothing was planted, and all the same tests/before found something." in said
    assert "one-too-many" not in said


def test_a_change_that_does_not_apply_stops_the_command(project: Path) -> None:
    (project / "before_mvt/rules.py").write_text("SEATS = 4\n")

    with pytest.raises(Problem, match="one-too-many: the old text is 0 times"):
        planted.main([])


@pytest.mark.parametrize("arguments", [["one-too-many"], ["--sample", "1"]])
def test_some_changes_write_no_table(project: Path, arguments: list[str]) -> None:
    assert planted.main(arguments) == 0
    assert not (project / table.TABLE).exists()


def test_a_sample_can_be_drawn_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    first, _ = planted.read_arguments(["--sample", "3"])
    again = capsys.readouterr().out.split("same again: ")[1].split()

    assert planted.read_arguments(again)[0] == first
    assert len({change.id for change in first}) == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-such-change"], "has no change no-such-change"),
        (["--sample", "0"], "--sample 0 is not from 1 to"),
        (["--sample", "9999"], "--sample 9999 is not from 1 to"),
        (["--sample", "x"], "invalid int value"),
        (["--seed", "3"], "draw from all changes"),
        (["--sample", "1", "checkout-302"], "draw from all changes"),
        (["--all"], "unrecognized arguments: --all; accepted are ids"),
    ],
)
def test_arguments_that_are_not_accepted_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(Problem, match=complaint):
        planted.read_arguments(arguments)


def test_outside_of_a_clone_it_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planted, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    with pytest.raises(Problem, match="needs git, and a clone"):
        planted.tracked_files()


def test_the_table_was_written_for_this_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert table.is_fresh(), "tests/planted.toml has changed: call `make planted`."
