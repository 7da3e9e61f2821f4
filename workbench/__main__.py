"""`python3 -m workbench VERB`: the one door to every command. `make VERB` is the same."""

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
    """One command: what it is for, the function that does it, and the layers it needs."""

    help: str
    function: str
    layers: tuple[str, ...] = ()


VERBS = {
    "test": Verb(
        "Run both suites, and sum them up in a small table",
        "workbench.suites:test",
        ("app", "test"),
    ),
    "test-equal": Verb(
        "Run the suite of `before` against both apps: they behave the same",
        "workbench.suites:test_equal",
        ("app", "test"),
    ),
    "test-postgres": Verb(
        "Run all of that on PostgreSQL, the races too",
        "workbench.suites:test_postgres",
        ("app", "test"),
    ),
    "compare": Verb(
        "Measure what each test needs, before and after",
        "workbench.compare:main",
        ("app", "test", "compare"),
    ),
    "run": Verb("Start both apps, to be used in a browser", "workbench.run:main", ("app",)),
    "jobs": Verb(
        "Run a job of the apps that `make run` has started", "workbench.run:jobs", ("app",)
    ),
    "serve": Verb(
        "Serve one app for real, by several processes", "workbench.serve:main", ("app",)
    ),
    "coverage": Verb(
        "Put the coverage of both suites side by side, file by file",
        "workbench.suites:coverage",
        ("app", "test"),
    ),
    "docs": Verb("Build the documentation", "workbench.docs:main", ("app", "docs")),
    "bench": Verb(
        "Time tests, pages and checkouts against each other",
        "workbench.bench:main",
        ("app", "test"),
    ),
    "figures": Verb(
        "Write the measured figures into README and docs",
        "workbench.figures:main",
        ("app", "test", "compare"),
    ),
    "lint": Verb(
        "Check style, types and the direction of imports",
        "workbench.lint:main",
        # mypy looks into the libraries of every command, those of `docs` included.
        ("app", "test", "compare", "dev", "docs"),
    ),
    "browser": Verb(
        "Test both apps in a real browser",
        "workbench.suites:browser",
        ("app", "test", "dev"),
    ),
    "prove": Verb(
        "Send both apps on random journeys, and look for a difference",
        "workbench.prove:main",
        ("app", "test", "compare"),
    ),
    "planted": Verb(
        "Make mistakes on purpose, one at a time, and see which test finds each",
        "workbench.planted:main",
        ("app", "test", "compare"),
    ),
    "soak": Verb(
        "Load both apps on real servers, kill their processes, and check what must hold",
        "workbench.soak:main",
        ("app", "test"),
    ),
    "lock": Verb("Write the lock files again (needs uv)", "workbench.environment:lock"),
    "setup": Verb(
        "Install everything now, for work without a network", "workbench.environment:setup"
    ),
    "clean": Verb("Remove everything these commands have made", "workbench.environment:clean"),
}


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
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough, as `head` has. Nothing more goes to them.
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
    lines = ["Usage: make COMMAND [ARGS=...], or python3 -m workbench COMMAND [...]", ""]
    lines += [f"  {name:<13}  {verb.help}" for name, verb in VERBS.items()]
    return "\n".join(lines)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, VERBS)
    meant = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(VERBS)}."
    return f"There is no command '{name}': {meant}"


def _settle_environment() -> None:
    """Let a command behave the same whatever the caller's variables are."""
    # Bytecode is git-ignored, and every start is quicker for it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # This would make the Python in `.venv` look for its library elsewhere.
    os.environ.pop("PYTHONHOME", None)
    # Files are UTF-8 here, whatever the system's own encoding is.
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
