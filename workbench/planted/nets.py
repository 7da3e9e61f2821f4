"""The nets that are to find a planted change, and how one is run in a copy of the repository."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from workbench import suites
from workbench.environment import Problem
from workbench.planted.changes import PACKAGES

BEFORE, AFTER, EQUIVALENCE, JOURNEYS = NAMES = (
    "tests/before",
    "tests/after",
    "tests/equivalence",
    "journeys",
)
# Without the tests that start processes, which take minutes, those that read the source instead of
# running it, and the short journeys, which the last net has longer.
FAST_EQUIVALENCE = (
    "tests/equivalence/test_same_answers.py",
    "tests/equivalence/test_at_once.py",
    "tests/equivalence/test_kept_journeys.py",
)
# A planted change may make a program wait for ever. On a quiet machine a net takes a minute.
MOST_SECONDS = 900
# The same journeys each time, so that the table is the same, too.
SEED = 9
REQUESTS = 500
REPORT = Path("journeys.json")
# What `-c` runs: the copy has no environment of its own for `python -m workbench` to find.
PROVE = "import sys; from workbench.prove import main; sys.exit(main(sys.argv[1:]))"

# The note where a change has ended a process of the journeys.
CRASHED = "a crash"

FAILED = 1


class Outcome(NamedTuple):
    """Whether a net has found a change, and a note on how."""

    found: bool
    note: str = ""

    def __str__(self) -> str:
        return f"{'✓' if self.found else '–'} {self.note}".rstrip()


@dataclass(frozen=True)
class Net:
    """A command of Python, run in the root of a copy, that ends with 1 when it finds something."""

    name: str
    arguments: tuple[str, ...]


def nets_for(app: str) -> list[Net]:
    """Return the nets that can find a change in this app, by the words of a Change."""
    package = PACKAGES[app][0]
    # What both suites share is part of each.
    nets = [Net(BEFORE, _pytest(*suites.BEFORE.paths, f"--app={package}"))]
    if app != "before_mvt":
        nets.append(Net(AFTER, _pytest(*suites.AFTER.paths, f"--app={suites.AFTER.package}")))
    nets.append(Net(EQUIVALENCE, _pytest(*FAST_EQUIVALENCE)))
    journeys = ("-c", PROVE, f"--requests={REQUESTS}", f"--seed={SEED}", f"--report={REPORT}")
    nets.append(Net(JOURNEYS, journeys))
    return nets


def all_nets() -> list[Net]:
    """Return every net once, for both apps."""
    return list(dict.fromkeys(net for app in PACKAGES for net in nets_for(app)))


def _pytest(*arguments: str) -> tuple[str, ...]:
    # The same order each time, so that the table is the same, too.
    return ("-m", "pytest", "-x", "-q", "--randomly-seed=0", *arguments)


@dataclass
class Runner:
    """Runs nets, in several threads, and can stop all that are running."""

    most_seconds: float = MOST_SECONDS
    _running: set["subprocess.Popen[str]"] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False

    def run(self, net: Net, root: Path) -> Outcome:
        """Return what the net finds in the copy at `root`; a net without an end has found it.

        Raises Problem when the net could not be run at all.
        """
        process = self._start(net, root)
        try:
            output, _ = process.communicate(timeout=self.most_seconds)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.communicate()
            return Outcome(True, f"no end in {self.most_seconds:g} s")
        finally:
            self._running.discard(process)
        if process.returncode not in (0, FAILED):
            raise Problem(f"{net.name} could not be run: {_last_words(output)}")
        if net.name == JOURNEYS:
            return _journeys_outcome(root, output)
        return Outcome(process.returncode == FAILED)

    def stop(self) -> None:
        """Stop the nets that are running, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _kill(process)

    def _start(self, net: Net, root: Path) -> "subprocess.Popen[str]":
        with self._lock:
            if self._stopped:
                raise Problem(f"{net.name} was not run: the command was stopped.")
            process = subprocess.Popen(
                [sys.executable, *net.arguments],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                # A group of its own, to be ended with all that it has started.
                start_new_session=True,
            )
            self._running.add(process)
            return process


def _journeys_outcome(root: Path, output: str) -> Outcome:
    try:
        report = json.loads((root / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise Problem(f"{JOURNEYS} left no report: {_last_words(output)}") from None
    if report["failure"] is None:
        return Outcome(False)
    after = report["failed_after_journeys"]
    return Outcome(True, CRASHED if after is None else f"after {after}")


def _kill(process: "subprocess.Popen[str]") -> None:
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _last_words(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing."
