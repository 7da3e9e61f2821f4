"""`python3 -m workbench VERB`: the one entry point of every command. `make VERB` is the same."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this sentence is for those who have an older one
    sys.stderr.write(
        "This needs Python 3.11 or newer, and this is {}.{}: call a newer one,"
        " as in `python3.12 -m workbench test` or `make test PYTHON=python3.12`.\n".format(
            *sys.version_info
        )
    )
    sys.exit(2)

if not __package__:
    sys.stderr.write("Call it as a module, from the repository: python3 -m workbench\n")
    sys.exit(2)

import difflib
import importlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from workbench import environment


class Verb(NamedTuple):
    """One command: what it is for, the function that does it, the layers it needs, its time."""

    help: str
    function: str
    layers: tuple[str, ...] = ()
    takes: str = ""


APP = ("app",)
TEST = ("app", "test")
COMPARE = ("app", "test", "compare")
# mypy looks into the libraries of every command, those of `docs` included.
ALL = ("app", "test", "compare", "dev", "docs")

# The one list of the commands: the Makefile, `make help` and .ci/first.py read it.
# fmt: off
VERBS = {
    "test": Verb("Run both suites, and sum them up in a small table",
        "workbench.suites:test", TEST, "20 s"),
    "test-equal": Verb("Run the suite of `before` against both apps: they behave the same",
        "workbench.suites:test_equal", TEST, "4 minutes"),
    "test-postgres": Verb("Run all of that on PostgreSQL, the races too",
        "workbench.suites:test_postgres", TEST, "5 minutes"),
    "compare": Verb("Measure what each test needs, before and after",
        "workbench.compare:main", COMPARE, "2 minutes"),
    "run": Verb("Start both apps, to be used in a browser",
        "workbench.run:main", APP),
    "jobs": Verb("Run a job of the apps that `make run` has started",
        "workbench.run:jobs", APP),
    "serve": Verb("Serve one app as in production, by several processes",
        "workbench.serve:main", APP),
    "coverage": Verb("Put the coverage of both suites side by side, file by file",
        "workbench.suites:coverage", TEST, "half a minute"),
    "docs": Verb("Build the documentation",
        "workbench.docs:main", ("app", "docs"), "seconds"),
    "bench": Verb("Time tests and pages, and hold the times against targets",
        "workbench.bench:main", TEST, "a minute"),
    "figures": Verb("Write the measured figures into README and docs",
        "workbench.figures:main", COMPARE, "2 minutes"),
    "listings": Verb("Write the code and the figures that README and docs show",
        "workbench.listings:main", (), "at once"),
    "lint": Verb("Check style, types, the direction of imports, and what the pages show",
        "workbench.lint:main", ALL, "half a minute"),
    "browser": Verb("Test both apps in a real browser",
        "workbench.suites:browser", ("app", "test", "dev"), "5 minutes"),
    "prove": Verb("Send both apps on random journeys, and look for a difference",
        "workbench.prove:main", COMPARE, "10 minutes"),
    "planted": Verb("Make mistakes on purpose, one at a time, and see which test finds each",
        "workbench.planted:main", COMPARE, "half an hour"),
    "soak": Verb("Load both apps on real servers, kill processes, and check what must hold",
        "workbench.soak:main", TEST, "5 minutes"),
    "setup": Verb("Install everything now, for work without a network; repair what is broken",
        "workbench.environment:setup", (), "a minute"),
    "lock": Verb("Write the lock files again (needs uv)",
        "workbench.environment:lock"),
    "clean": Verb("Remove everything these commands have made",
        "workbench.environment:clean"),
}
# fmt: on


def main(argv: Sequence[str]) -> int:
    """Do what the first argument names with the others; return the exit code."""
    name, *rest = argv or ["help"]
    verb = VERBS.get(name)
    try:
        if name in ("help", "-h", "--help"):
            print(_help())
            return 0
        if verb is None:
            print(_unknown(name), file=sys.stderr)
            return 2
        return _do(verb, argv, rest)
    except environment.Problem as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The program that reads our output has closed it, as `head` does. Write nothing more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _do(verb: Verb, argv: Sequence[str], rest: Sequence[str]) -> int:
    _settle_environment()
    if verb.layers:
        python = environment.Environment().prepare(verb.layers)
        if not environment.active():
            return _hand_over(python, argv)
    module, function = verb.function.split(":")
    return int(getattr(importlib.import_module(module), function)(rest))


def _help() -> str:
    lines = [
        'Usage: make COMMAND [ARGS="..."] [PYTHON=python3.12]',
        "       python3 -m workbench COMMAND [...]",
        "",
    ]
    for name, verb in VERBS.items():
        takes = f" ({verb.takes})" if verb.takes else ""
        lines.append(f"  {name:<13}  {verb.help}{takes}")
    return "\n".join(lines)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, VERBS)
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(VERBS)}."
    return f"There is no command '{name}': {meant}"


def _settle_environment() -> None:
    """Let a command behave the same with any environment variables of the caller."""
    # Bytecode is git-ignored, and every start is quicker for it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # This would make the Python in `.venv` look for its library elsewhere.
    os.environ.pop("PYTHONHOME", None)
    # Files are UTF-8 here, also where the system has another encoding.
    os.environ["PYTHONUTF8"] = "1"


def _hand_over(python: Path, argv: Sequence[str]) -> int:
    """Continue this command with the Python in `.venv`; its exit code is ours."""
    command = [str(python), "-m", "workbench", *argv]
    os.chdir(environment.ROOT)
    if os.name != "nt":
        os.execv(python, command)
    # Windows has no exec that keeps the terminal. Ctrl-C is for the child alone to handle.
    child = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
