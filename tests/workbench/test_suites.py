"""The suites' runner: its table, its exit codes, and the page that puts coverage side by side."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import coverage_page, suites
from workbench.coverage_page import Covered
from workbench.environment import ROOT, Problem

MODEL = """\
def seats_left(capacity, sold):
    if sold > capacity:
        return 0
    return capacity - sold
"""

TEST = """\
import pytest
from {package}.models import seats_left

@pytest.mark.behaviour("seats.left")
def test_seats_left():
    assert seats_left(3, 1) == 2
"""

IN_BOTH = """\
import importlib
import pytest

@pytest.mark.behaviour("seats.left")
def test_package(pytestconfig):
    package = importlib.import_module(pytestconfig.getoption("app"))
    print("control of", package.__name__)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small repository: two packages of one model each, a test for each, one for both."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package, suite in (("before_mvt", "before"), ("after_service_layer", "after")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "models.py").write_text(MODEL)
        (tmp_path / "tests" / suite).mkdir(parents=True)
        (tmp_path / "tests" / suite / "test_seats.py").write_text(TEST.format(package=package))
    (tmp_path / "tests" / "control").mkdir()
    (tmp_path / "tests" / "control" / "test_app.py").write_text(IN_BOTH)
    services = tmp_path / "after_service_layer" / "services"
    services.mkdir()
    (services / "__init__.py").touch()
    (services / "pricing.py").write_text(MODEL)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "behaviours.toml").write_text(
        '[behaviours]\n"seats.left" = "Seats that are not sold are left."\n'
    )
    return tmp_path


def run(project: Path, function: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Call a function of `suites` as the workbench does, in a process inside `project`."""
    call = f"import sys; from workbench import suites; sys.exit(suites.{function}(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", call, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_the_table_sums_both_suites_up(project: Path) -> None:
    done = run(project, "test")

    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.split("\n\n", 1)[1]
    assert len(table.splitlines()) <= 10
    before, after = (re.split(" {2,}", line) for line in table.splitlines()[1:3])
    assert before[:3] == ["before", "2 passed", "0 %"]
    assert after[:3] == ["after", "2 passed", "0 %"]
    assert all(re.fullmatch(r"\d+\.\d ms", row[3]) for row in (before, after))


def test_a_test_that_asks_for_a_client_uses_the_app(project: Path) -> None:
    (project / "tests" / "before" / "conftest.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture\ndef app():\n    pass\n\n"
        "@pytest.fixture\ndef client(app):\n    pass\n"
    )
    test = project / "tests" / "before" / "test_seats.py"
    test.write_text(test.read_text().replace("test_seats_left()", "test_seats_left(client)"))

    done = run(project, "test")

    assert re.search(r"^before +2 passed +50 %", done.stdout, re.MULTILINE)
    assert re.search(r"^after +2 passed +0 %", done.stdout, re.MULTILINE)


def test_a_failure_is_shown_before_the_table(project: Path) -> None:
    test = project / "tests" / "after" / "test_seats.py"
    test.write_text(test.read_text().replace("== 2", "== 3"))

    done = run(project, "test")

    assert done.returncode == 1
    assert "assert 2 == 3" in done.stdout
    assert re.search(r"^after +1 failed, 1 passed", done.stdout, re.MULTILINE)
    *_, last = done.stdout.splitlines()
    assert re.fullmatch(r"make test ARGS='tests/after tests/control --randomly-seed=\d+'", last)


def test_the_same_order_again_needs_what_was_asked_for(project: Path) -> None:
    test = project / "tests" / "before" / "test_seats.py"
    test.write_text(test.read_text().replace("== 2", "== 3"))

    done = run(project, "test_equal", "tests/before", "-k", "seats or left")

    again = shlex.split(done.stdout.splitlines()[-1])
    assert again[:2] == ["make", "test-equal"]
    arguments = shlex.split(again[2].removeprefix("ARGS="))
    assert arguments[:3] == ["tests/before", "-k", "seats or left"]
    assert arguments[3].startswith("--randomly-seed=")


def test_settings_of_the_shell_are_none_of_the_tests(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_SERVICES", "{}")
    (project / "tests" / "after" / "test_seats.py").write_text(
        "import os, pytest\n"
        '@pytest.mark.behaviour("seats.left")\n'
        "def test_environment():\n"
        '    assert "BOX_OFFICE_SERVICES" not in os.environ\n'
    )

    done = run(project, "test", "tests/after")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["test", "test_equal"])
def test_the_control_is_part_of_both_suites(project: Path, command: str) -> None:
    done = run(project, command, "tests/control", "-s")

    assert done.returncode == 0, done.stdout + done.stderr
    packages = re.findall("control of (.*)", done.stdout)
    assert packages == ["before_mvt", "after_service_layer"]


def test_the_control_belongs_to_the_suite_that_is_named_beside_it(project: Path) -> None:
    done = run(project, "test", "tests/after", "tests/control", "-s")

    assert re.findall("control of (.*)", done.stdout) == ["after_service_layer"]
    assert re.search(r"^after +2 passed", done.stdout, re.MULTILINE)


def test_a_path_chooses_the_suite(project: Path) -> None:
    done = run(project, "test", "tests/after/test_seats.py", "-k", "seats")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nafter " in done.stdout
    assert "before" not in done.stdout


def test_coverage_is_put_side_by_side(project: Path) -> None:
    done = run(project, "coverage")

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^before +2 passed +– +– +66 %$", done.stdout, re.MULTILINE)
    assert re.search(r"^after +2 passed +– +0 % +66 %$", done.stdout, re.MULTILINE)
    report = project / "build" / "coverage"
    page = (report / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'href="([^"]+)"', page)
    assert len(links) == 5, "models twice, one service, and two totals"
    assert all((report / link).is_file() for link in links)


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        ("", "tests/after/test_seats.py::test_seats_left names no behaviour"),
        ('@pytest.mark.behaviour("seats.gone")', "names the behaviour 'seats.gone'"),
    ],
)
def test_every_test_names_a_known_behaviour(project: Path, mark: str, complaint: str) -> None:
    test = project / "tests" / "after" / "test_seats.py"
    test.write_text(re.sub("@.*", mark, test.read_text()))

    done = run(project, "test", "tests/after")

    assert complaint in done.stdout + done.stderr
    assert "Problem: tests/after was not run, for the reason above." in done.stderr


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--app=flask", "--app flask: accepted are before_mvt and after_service_layer."),
        ("--database=mysql://", "--database mysql://: accepted are URLs that start with"),
    ],
)
def test_a_wrong_option_is_one_sentence(project: Path, option: str, sentence: str) -> None:
    assert sentence in run(project, "test", option).stderr


def test_no_test_selected_is_a_problem() -> None:
    empty = suites.Run("tests/before", (), suites.NOTHING_SELECTED, 0.1)

    with pytest.raises(Problem, match="No test was selected"):
        suites._verdict([empty], suites.Arguments("test", (), ()))


@pytest.mark.parametrize(
    ("covered", "percent"),
    [
        (Covered(), "–"),
        (Covered(lines=10, lines_reached=10), "100 %"),
        (Covered(lines=10, lines_reached=10, branches=2, branches_reached=1), "91 %"),
        (Covered(lines=1000, lines_reached=999), "99 %"),
    ],
)
def test_percent_counts_lines_and_branches_and_rounds_down(covered: Covered, percent: str) -> None:
    assert covered.percent == percent


def test_a_service_is_listed_below_the_view_of_its_name() -> None:
    files = {
        name: Covered(lines=1)
        for name in ("app.py", "models.py", "services/pricing.py", "services/checkout.py")
    }
    views = {name: Covered(lines=1) for name in ("views/site.py", "views/checkout.py")}

    page = coverage_page.side_by_side(views, {**views, **files}, ("one", "two"))

    assert re.findall(r'row">(.+?)</th>', page.replace("<wbr>", "")) == [
        "views/checkout.py",
        "services/checkout.py",
        "views/site.py",
        "services/pricing.py",
        "models.py",
        "app.py",
        "Together",
    ]


def test_a_path_elsewhere_is_no_test_for_the_browser() -> None:
    with pytest.raises(Problem, match="No test was selected"):
        suites.browser(["tests/before"])
