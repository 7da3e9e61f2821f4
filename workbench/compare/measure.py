"""Runs the two suites, each twice: once for coverage, and once for the count.

Coverage and counting both listen to Python at work and would disturb each other, so each pass
is a pytest process of its own. The count is shared by two processes, so that the cores are busy
to the end.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from workbench.compare import reach, static
from workbench.environment import ROOT, Problem

# Exit codes of pytest.
NO_TESTS = 5
SUITE_IS_RED = (1, 2)

# Only one of coverage's cores records which test reached a line: this file selects it.
COVERAGE_SETTINGS = Path(__file__).with_name("coverage.ini")

# In how many processes the tests of a suite are counted, and how many of all run at once.
SHARES = 2
AT_THE_SAME_TIME = min(4, max(2, os.cpu_count() or 2))

# Its arguments: the label of a suite, and how much of the work on it is done, in percent.
Progress = Callable[[str, int], None]


class RedSuite(Problem):
    """A suite does not pass; `output` is what pytest says about it."""

    def __init__(self, sentence: str, output: str) -> None:
        super().__init__(sentence)
        self.output = output


@dataclass(frozen=True)
class Suite:
    """A package, and the tests that are for it."""

    label: str
    package: str
    path: Path
    tests: tuple[Path, ...]
    # What its run of pytest is given besides.
    options: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """Its tests in words, for a sentence."""
        return ", ".join(map(str, self.tests))


@dataclass(frozen=True)
class Measured:
    """All that was found out about one suite and its package, as plain values."""

    suite: Suite
    tests: dict[str, dict[str, Any]]
    isolated: bool
    coverage: dict[str, dict[str, int]]
    code: dict[str, dict[str, float]]
    test_code: dict[str, float]


def suite(label: str, named: str, options: str = "") -> Suite:
    """Find the suite that `PACKAGE:TESTS` names. Raises Problem when there is none.

    TESTS are folders or files, separated by commas. `options` are for pytest, written as in a
    shell.
    """
    package, colon, tests = named.partition(":")
    paths = tests.split(",")
    if not (package and colon and all(paths)):
        raise Problem(
            f"--{label} {named}: accepted is PACKAGE:TESTS, a package and the folder of its"
            " tests, as in my_app:tests; several are separated by commas."
        )
    for path in paths:
        if not Path(path).exists():
            raise Problem(f"--{label} {named}: there is no folder or file of tests at {path}.")
    try:
        given = tuple(shlex.split(options))
    except ValueError as error:
        raise Problem(
            f"--{label}-args {options}: this cannot be read ({error}); accepted are options of"
            " pytest, written as in a shell."
        ) from error
    return Suite(label, package, package_path(label, package), tuple(map(Path, paths)), given)


def package_path(label: str, package: str) -> Path:
    """Where the source of a package is. Nothing is imported in order to find out."""
    search: list[str] | None = [str(Path.cwd()), *sys.path]
    found = None
    for name in package.split("."):
        found = PathFinder.find_spec(name, search) if search else None
        search = list(found.submodule_search_locations or []) if found else None
    if found and search:
        return Path(search[0]).resolve()
    if found and found.origin and found.origin.endswith(".py"):
        return Path(found.origin).resolve()
    raise Problem(f"--{label}: Python finds no package or module '{package}' to import from here.")


@dataclass
class Pass:
    """One run of pytest over one suite; its output goes to a file."""

    suite: Suite
    options: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "pytest.log"

    def start(self) -> None:
        self.folder.mkdir(parents=True)
        command = [sys.executable, "-m", "pytest", *map(str, self.suite.tests)]
        command += [*self.suite.options, *self.options]
        command += [f"--basetemp={self.folder / 'tmp'}", f"--override-ini=cache_dir={self.folder}"]
        # One line a test, with the percentage that `percent` looks for.
        command += ["--verbosity=1", "--override-ini=console_output_style=progress"]
        command += ["--tb=short", "-rfE", "--maxfail=3"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**calm_environment(), **self.environment},
                # So that all processes of a pass can be ended together.
                start_new_session=True,
            )

    def percent(self) -> int:
        """How much of it is done, as far as pytest has printed."""
        said = self.log.read_bytes() if self.log.exists() else b""
        return int((re.findall(rb"\[ *(\d+)%\]", said) or [0])[-1])

    def is_over(self) -> bool:
        """Whether it has ended well. Raises Problem when it has ended otherwise."""
        code = self.process.poll() if self.process else None
        if code:
            self._explain(code)
        return code == 0

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGTERM)
            else:
                self.process.terminate()
            self.process.wait()

    def _explain(self, code: int) -> None:
        tests, output = self.suite.named, self.log.read_text(encoding="utf-8", errors="replace")
        if code == NO_TESTS:
            raise Problem(f"There are no tests in {tests}: nothing can be compared.")
        if code not in SUITE_IS_RED:
            raise RedSuite(f"pytest could not run {tests}; above is what it says.", output)
        failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
        details = re.search(r"^=+ (FAILURES|ERRORS) =+$", output, re.MULTILINE)
        raise RedSuite(
            f"The suite {tests} does not pass ({', '.join(failed) or 'see above'}), and figures"
            " of a failing suite are worth nothing, so none were written.",
            output[details.start() :] if details else output,
        )


def measure(suites: Sequence[Suite], folder: Path, progress: Progress) -> list[Measured]:
    """Run all passes and read what they found. `folder` is for files in between.

    Raises Problem when the suites cannot be measured, RedSuite when one of them fails.
    """
    passes = [coverage_pass(suite, folder / suite.label / "coverage") for suite in suites]
    for share in range(1, SHARES + 1):
        passes += [
            counting_pass(suite, folder / suite.label / f"counting-{share}", share)
            for suite in suites
        ]
    run_side_by_side(passes, progress)
    return [read(suite, folder / suite.label) for suite in suites]


def coverage_pass(suite: Suite, folder: Path) -> Pass:
    options = ["-p", "pytest_cov", f"--cov={suite.package}", "--cov-branch", "--cov-context=test"]
    options += [f"--cov-config={COVERAGE_SETTINGS}", "--cov-report=", "--cov-fail-under=0"]
    return Pass(suite, options, folder, {"COVERAGE_FILE": str(folder / "coverage.data")})


def counting_pass(suite: Suite, folder: Path, share: int) -> Pass:
    options = ["-p", "workbench.compare.plugin", "-p", "pytest_cov", "--no-cov"]
    options += [f"--count-into={folder / 'counts.json'}", f"--count-share={share}/{SHARES}"]
    options += [f"--count-for={suite.package.partition('.')[0]}", f"--count-path={suite.path}"]
    return Pass(suite, options, folder)


def run_side_by_side(passes: Sequence[Pass], progress: Progress) -> None:
    """Run the passes in their order, a few at the same time; after any error, stop them all."""
    waiting, running = list(passes), list[Pass]()
    try:
        while waiting or running:
            while waiting and len(running) < AT_THE_SAME_TIME:
                running.append(waiting.pop(0))
                running[-1].start()
            time.sleep(0.1)
            running = [one for one in running if not one.is_over()]
            for label in {one.suite.label for one in passes}:
                shares = [one.percent() for one in passes if one.suite.label == label]
                progress(label, sum(shares) // len(shares))
    finally:
        for one in running:
            one.stop()


def read(suite: Suite, folder: Path) -> Measured:
    coverage = reach.by_layer(folder / "coverage" / "coverage.data", suite.path)
    if not coverage or not coverage["total"]["lines_reached"]:
        raise Problem(
            f"The tests in {suite.named} never reach '{suite.package}': are they its own?"
        )
    shares = [json.loads(file.read_text("utf-8")) for file in folder.glob("*/counts.json")]
    test_files = {Path(name) for share in shares for name in share["test_files"]}
    for path in suite.tests:
        test_files.update(static.python_files(path.resolve()))
    return Measured(
        suite=suite,
        tests={name: test for share in shares for name, test in share["tests"].items()},
        isolated=all(share["isolated"] for share in shares),
        coverage=coverage,
        code=static.sizes(suite.path),
        test_code=asdict(static.size(sorted(test_files))),
    )


def calm_environment() -> dict[str, str]:
    """The caller's environment, without what would make one machine count unlike another."""
    kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH"))))
    # `requests` asks the system for its proxies, on macOS in a way that does not survive a fork.
    return {**kept, "NO_PROXY": "*", "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
