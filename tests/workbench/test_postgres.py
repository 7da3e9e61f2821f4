"""The PostgreSQL server of our own: it starts, it is used by both suites, and it is gone after."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy import create_engine, text

from workbench import postgres
from workbench.environment import ROOT, Problem
from workbench.postgres import find_programs, running_postgres

HOLD = """\
import time
from workbench.postgres import running_postgres

with running_postgres() as url:
    print(url, flush=True)
    time.sleep(60)
"""

TEST = """\
import pytest
from sqlalchemy import create_engine, text

{mark}
def test_database(pytestconfig):
    engine = create_engine(pytestconfig.getoption("database"))
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW listen_addresses")) == {expected!r}
    engine.dispose()
"""


@pytest.fixture(scope="module")
def installed() -> None:
    """PostgreSQL; in CI it has to be there."""
    try:
        find_programs()
    except Problem as problem:
        if "CI" in os.environ:
            raise
        pytest.skip(str(problem))


def folder_of(url: str) -> Path:
    return Path(unquote(url.partition("host=")[2]))


def process_of(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def assert_gone(folder: Path, process: int) -> None:
    assert not folder.exists()
    # Its last act is to say that it has ended, so it is there for a moment longer.
    deadline = time.monotonic() + 5
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(process, 0)
            time.sleep(0.01)


@pytest.mark.usefixtures("installed")
def test_two_servers_do_not_meet_and_leave_nothing() -> None:
    with running_postgres() as one, running_postgres() as another:
        servers = [(folder_of(url), process_of(folder_of(url))) for url in (one, another)]
        for url in (one, another):
            engine = create_engine(url)
            with engine.begin() as connection:
                # Where it was there already, this would fail.
                connection.execute(text("CREATE TABLE only_here (id int)"))
                assert connection.scalar(text("SHOW listen_addresses")) == ""
            engine.dispose()

    assert len(set(servers)) == 2
    for server in servers:
        assert_gone(*server)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_too(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as held:
        try:
            assert held.stdout is not None
            folder = folder_of(held.stdout.readline().strip())
            process = process_of(folder)
            held.send_signal(number)
            held.wait(timeout=10)
        finally:
            held.kill()

    assert held.returncode in (-signal.SIGINT, 128 + signal.SIGTERM)
    assert_gone(folder, process)


@pytest.mark.usefixtures("installed")
def test_a_server_that_does_not_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "OPTIONS", ("no_such_setting=1",))
    folder = Path(tempfile.mkdtemp())
    # As root, the server runs as another user.
    folder.chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    with pytest.raises(Problem, match=r"does not start: .*no_such_setting"), running_postgres():
        pytest.fail("it has started")

    # Only an empty folder can be removed like this.
    folder.rmdir()


@pytest.mark.usefixtures("installed")
def test_a_folder_with_a_long_name_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))

    with running_postgres() as url:
        assert len(str(folder_of(url))) < 100

    assert list(long.iterdir()) == []


def test_where_it_is_not_installed_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres, "PLACES", (f"{tmp_path}/*/bin",))

    with pytest.raises(Problem) as problem, running_postgres():
        pytest.fail("there is one after all")

    for command in ("apt install", "dnf install", "brew install"):
        assert command in str(problem.value)
    assert "\n" not in str(problem.value)


def test_the_newest_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for version in ("9.6", "15", "101"):
        (tmp_path / version / "bin").mkdir(parents=True)
    for version in ("9.6", "15"):
        (tmp_path / version / "bin" / "initdb").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(postgres, "PLACES", (f"{tmp_path}/*/bin",))

    assert find_programs() == tmp_path / "15" / "bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small repository, whose tests want PostgreSQL."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("before_mvt", "after_service_layer"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests")
    (tmp_path / "tests" / "behaviours.toml").write_text('[behaviours]\n"it.is" = "It is."\n')
    for suite in ("before", "after", "control", "equivalence"):
        write_test(tmp_path, suite, expected="")
    return tmp_path


def write_test(project: Path, suite: str, *, expected: str) -> None:
    mark = "" if suite == "equivalence" else '@pytest.mark.behaviour("it.is")'
    (project / "tests" / suite).mkdir(exist_ok=True)
    test = project / "tests" / suite / "test_database.py"
    test.write_text(TEST.format(mark=mark, expected=expected))


def run_on_postgres(project: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    """Call what `make test-postgres` calls."""
    call = "import sys; from workbench import suites; sys.exit(suites.test_postgres(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", call, *argv],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.usefixtures("installed")
def test_both_suites_and_the_races_are_run_on_it(project: Path) -> None:
    write_test(project, "equivalence", expected="*")

    whole = run_on_postgres(project)
    part = run_on_postgres(project, "tests/after", "-k", "database")

    assert whole.stdout.count("2 passed in") == 4, whole.stdout + whole.stderr
    assert "assert '' == '*'" in whole.stdout
    assert (whole.returncode, part.returncode) == (1, 0), part.stdout + part.stderr
    assert "\nbefore" not in part.stdout
