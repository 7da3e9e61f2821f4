"""How long a person waits: for `make test`, and from `git clone` to the first green run.

Both are measured once, by the clock on the wall, in a process of their own.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from workbench.bench.results import Result
from workbench.environment import ROOT, Problem

SECTION = "Waiting"
TEST_SECONDS = 20
# From `git clone` to a green `make test`.
CLONE_SECONDS = {"uv": 60, "pip": 120}

# What somebody who has just come does not have: caches, and an environment in use.
NOT_YET_THERE = (
    "PIP_CACHE_DIR",
    "UV_CACHE_DIR",
    "VIRTUAL_ENV",
    "UV_PROJECT_ENVIRONMENT",
    "PYTHONPATH",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)


def measure_make_test() -> list[Result]:
    """Return how long `make test` takes once all is installed. Raises Problem if it fails."""
    started = time.monotonic()
    run_quietly([sys.executable, "-m", "workbench", "test"], ROOT, os.environ)
    return [_waited("make test", TEST_SECONDS, started)]


def measure_fresh_clones() -> list[Result]:
    """Return how long a clone of the last commit takes to be green: with uv, if here, and pip.

    Nothing is there yet: no `.venv`, an empty home, no cache. It downloads. Raises Problem.
    """
    installers = ["uv", "pip"] if shutil.which("uv") else ["pip"]
    return [_measure_fresh_clone(installer) for installer in installers]


def _measure_fresh_clone(installer: str) -> Result:
    # From inside `.venv` this names the Python that it was made from.
    python = str(getattr(sys, "_base_executable", sys.executable))
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        clone, home = Path(folder, "clone"), Path(folder, "home")
        home.mkdir()
        environ = newcomer(os.environ, home, with_uv=installer == "uv")
        started = time.monotonic()
        run_quietly(["git", "clone", "--quiet", str(ROOT), str(clone)], home, os.environ)
        run_quietly([python, "-m", "workbench", "test"], clone, environ)
        return _waited(f"fresh clone, with {installer}", CLONE_SECONDS[installer], started)


def newcomer(environ: Mapping[str, str], home: Path, *, with_uv: bool) -> dict[str, str]:
    """Return the variables of somebody with an empty home; a network's settings stay."""
    theirs = {
        name: value
        for name, value in environ.items()
        if name not in NOT_YET_THERE and not name.startswith(("GIT_", "BOX_OFFICE_"))
    }
    theirs.update(HOME=str(home), USERPROFILE=str(home))
    if not with_uv:
        folders = theirs.get("PATH", "").split(os.pathsep)
        theirs["PATH"] = os.pathsep.join(
            folder for folder in folders if shutil.which("uv", path=folder) is None
        )
    return theirs


def run_quietly(command: list[str], folder: Path, environ: Mapping[str, str]) -> None:
    """Run a command, quietly. Raises Problem with its last words when it fails."""
    words = " ".join([Path(command[0]).name, *command[1:]])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError:
        raise Problem(f"{command[0]} is not installed.") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        last_words = lines[-1] if lines else f"exit code {done.returncode}"
        raise Problem(f"`{words}` failed: {last_words}")


def _waited(what: str, target: float, started: float) -> Result:
    seconds = time.monotonic() - started
    return Result(section=SECTION, what=what, unit="s", at_most=target, measured=seconds)
