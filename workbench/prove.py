"""`make prove`: random journeys through both apps at once, until the apps differ.

The journeys are generated in tests/equivalence: this starts a process for each core, shows how far
they are, and sums up what was done.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from workbench.arguments import Parser
from workbench.environment import ROOT, Problem

REQUESTS = 20_000
PROCESSES = 2
LARGEST_SEED = 10**9
LINES_OF_A_CRASH = 40
# In the table; the report has all.
MOST_SHOWN = 24
COUNTED = ("routes", "statuses", "faults", "oracles")
TITLES = {
    "routes": "Requests to each app",
    "statuses": "Answers",
    "faults": "What went wrong in the middle of a step",
    "oracles": "Rules that were checked",
}


def main(argv: Sequence[str]) -> int:
    """Go on random journeys; return 0 where nothing was found, else 1. Raises Problem."""
    options = _parser().parse_args(argv)
    if options.requests < 1:
        raise Problem("prove: --requests takes a whole number from 1 on.")
    if not 0 <= options.seed < LARGEST_SEED:
        raise Problem(f"prove: --seed takes a whole number from 0 to {LARGEST_SEED - 1}.")
    if options.report is not None:
        # Now, and not when all is done.
        _write(options.report, {"seed": options.seed})
    console = Console(highlight=False)
    console.print(f"Seed {options.seed}: ARGS='--seed {options.seed}' does the same again.")

    outcome = Outcome()
    with _workers(options.requests, options.seed) as workers:
        _follow(workers, outcome, options.requests, console)

    console.print(outcome.table())
    if outcome.failure is not None:
        # Unchanged: a test is to be pasted, so that no line of it may be wrapped.
        print(f"\nAfter {outcome.failed_after_journeys} journeys:\n\n{outcome.failure}")
    if options.report is not None:
        _write(options.report, outcome.report(options.seed))
    return 0 if outcome.failure is None else 1


def _parser() -> Parser:
    parser = Parser(
        "prove: {}. Accepted are --requests N, --seed S and --report FILE.",
        prog="make prove",
        description=__doc__,
    )
    parser.add_argument("--requests", type=int, default=REQUESTS, metavar="N")
    # Another one each time; printed, so that the run can be repeated.
    parser.add_argument("--seed", type=int, default=random.randrange(LARGEST_SEED), metavar="S")
    parser.add_argument("--report", type=Path, metavar="FILE")
    return parser


class Outcome:
    """What all processes have done so far, and the first failure."""

    def __init__(self) -> None:
        self._latest: dict[int, Mapping[str, Any]] = {}
        self.failure: str | None = None
        self.failed_after_journeys: int | None = None

    def note(self, process: int, message: Mapping[str, Any]) -> None:
        """Add the report of a process."""
        if "shortest" in message:
            self.failure = message["shortest"]
            return
        self._latest[process] = message
        if message.get("failure") is not None:
            self.failure = message["failure"]
            self.failed_after_journeys = self.total("journeys")

    def note_crash(self, exit_code: int, complaints: str) -> None:
        """Note that a process has ended before it was finished."""
        self.failure = f"A process has ended with exit code {exit_code}:\n{complaints}"
        self.failed_after_journeys = self.total("journeys")

    def total(self, what: str) -> int:
        """Return how many journeys or requests there were in all."""
        return sum(message[what] for message in self._latest.values())

    def counts(self, what: str) -> Counter[str]:
        """Return how often each route, status, fault or rule was met, the most frequent first."""
        counts: Counter[str] = Counter()
        for message in self._latest.values():
            counts.update(message[what])
        return Counter(dict(counts.most_common()))

    def table(self) -> Table:
        """Return the table for the end."""
        table = Table(show_header=False, box=None)
        table.add_row("Journeys", f"{self.total('journeys'):,}")
        for what in COUNTED:
            counts = self.counts(what)
            shown = [f"{name} {number:,}" for name, number in counts.most_common(MOST_SHOWN)]
            shown += [f"{len(counts) - MOST_SHOWN} more"] * (len(counts) > MOST_SHOWN)
            table.add_row(TITLES[what], f"{sum(counts.values()):,}: {', '.join(shown)}")
        table.add_row("Differences and broken rules", "none" if self.failure is None else "1")
        return table

    def report(self, seed: int) -> dict[str, Any]:
        """Return everything as other programs read it."""
        return {
            "seed": seed,
            "journeys": self.total("journeys"),
            "requests": self.total("requests"),
            "failed_after_journeys": self.failed_after_journeys,
            "failure": self.failure,
            **{what: self.counts(what) for what in COUNTED},
        }


def _follow(workers: "Workers", outcome: Outcome, requests: int, console: Console) -> None:
    """Show how far all are, until they are through or the first failure is as short as it gets."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("Opening the shops", total=requests)
        failed: int | None = None
        running = set(range(PROCESSES))
        while running:
            process, line = workers.lines.get()
            if line is not None and failed in (None, process):
                outcome.note(process, json.loads(line))
            if line is None:
                running.discard(process)
                if outcome.failure is None and (code := workers.exit_code(process)) != 0:
                    outcome.note_crash(code, workers.complaints())
                if outcome.failure is not None and failed in (None, process):
                    return
            if outcome.failure is not None and failed is None:
                failed = process
                progress.update(bar, description="Found something: making it shorter")
            if failed is None:
                done = outcome.total("requests")
                text = f"{done:,} of {requests:,} requests"
                progress.update(bar, completed=min(done, requests), description=text)


class Workers:
    """The processes that go on journeys. `lines` are what they print, with None at its end."""

    def __init__(self, requests: int, seed: int, errors: IO[str]) -> None:
        self.lines: Queue[tuple[int, str | None]] = Queue()
        self._errors = errors
        share = -(-requests // PROCESSES)
        self._processes = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.equivalence.journeys"),
                    *("--requests", str(share), "--seed", str(seed * PROCESSES + number)),
                ],
                cwd=ROOT,
                env=_without_settings(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            for number in range(PROCESSES)
        ]
        self._threads = [Thread(target=self._read, args=(number,)) for number in range(PROCESSES)]
        for thread in self._threads:
            thread.start()

    def _read(self, number: int) -> None:
        output = self._processes[number].stdout
        assert output is not None
        for line in output:
            self.lines.put((number, line))
        self.lines.put((number, None))

    def exit_code(self, number: int) -> int:
        """Return the exit code of a process that has printed its last line."""
        return self._processes[number].wait()

    def complaints(self) -> str:
        """Return the last lines that the processes have written to stderr."""
        self._errors.seek(0)
        return "".join(self._errors.readlines()[-LINES_OF_A_CRASH:])

    def close(self) -> None:
        """End all processes, and wait until they have ended."""
        for process in self._processes:
            process.terminate()
        for process, thread in zip(self._processes, self._threads, strict=True):
            process.wait()
            thread.join()
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def _workers(requests: int, seed: int) -> Iterator[Workers]:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        workers = Workers(requests, seed, errors)
        try:
            yield workers
        finally:
            workers.close()


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of a shop: those of the journeys count."""
    return {name: value for name, value in environ.items() if not name.startswith("BOX_OFFICE_")}


def _write(path: Path, report: Mapping[str, Any]) -> None:
    try:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise Problem(f"prove: {path} cannot be written: {error.strerror}.") from error
