"""Keeps the calls of one run of one test, each booked to a phase or a fixture."""

import inspect
import os
import re
import site
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from cProfile import Profile
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

SITE_PACKAGES = tuple(
    folder + os.sep
    for folder in (
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        site.getusersitepackages(),
        *site.getsitepackages(),
    )
)
LIBRARIES = (*SITE_PACKAGES, sysconfig.get_path("stdlib") + os.sep)

# What runs the tests is not what the tests run. It is the same in both versions, and not counted.
TEST_TOOLS = {
    "_pytest",
    "coverage",
    "freezegun",
    "hypothesis",
    "iniconfig",
    "pluggy",
    "py",
    "pytest",
    "responses",
    "time_machine",
}

# These come with the installer. Some hook into `import`, so one installer would count more.
INSTALLERS = {"_distutils_hack", "_virtualenv", "pip", "pkg_resources", "setuptools", "wheel"}
NOT_COUNTED = TEST_TOOLS | INSTALLERS
NOT_COUNTED_PREFIXES = ("pytest_", "__editable__")

# Calls with a meaning of their own, such as a SQL statement: counted separately, too.
LANDMARKS = {
    "sql": ("sqlalchemy", re.compile(r"\w+\.do_execute(many|_no_params)?")),
    "app_requests": ("werkzeug", re.compile(r"Client\.open")),
    "outside_requests": ("requests", re.compile(r"Session\.send")),
}


# The standard library's profiler, used for nothing but counting calls of Python functions.
Account = partial(Profile, builtins=False, subcalls=False)


class Ledger:
    """The books of one run. Each call is booked to the fixture being set up, else to the phase.

    With `shared` they are about fixtures of a wider scope than one test, and nothing else;
    without, about everything but those. `depths` are those of fixtures that are set up already.
    `path` is the folder of the package, or the file of the module, that the tests are for.
    """

    def __init__(
        self, package: str, path: Path, *, shared: bool, depths: Mapping[str, int]
    ) -> None:
        self.package = package
        self.path = path
        self.shared = shared
        self.phases = {"setup": Account(), "body": Account(), "teardown": Account()}
        self.fixtures: list[tuple[pytest.FixtureDef[Any], Profile]] = []
        self._open: list[Profile] = []
        self._depths = dict(depths)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        with nullcontext() if self.shared else self._booked_to(self.phases[name]):
            yield

    @contextmanager
    def fixture(self, definition: pytest.FixtureDef[Any]) -> Iterator[None]:
        """The account of a fixture. What it asks for while it is set up has its own."""
        account = Account()
        with self._booked_to(account):
            yield
        is_shared = definition.scope != "function"
        if self.shared == is_shared:
            self.fixtures.append((definition, account))
        if is_shared or not self.shared:
            below = (self._depths.get(name, 0) for name in definition.argnames)
            self._depths[definition.argname] = 1 + max(below, default=0)

    @contextmanager
    def _booked_to(self, account: Profile) -> Iterator[None]:
        if self._open:
            self._open[-1].disable()
        self._open.append(account)
        account.enable()
        try:
            yield
        finally:
            self._open.pop().disable()
            if self._open:
                self._open[-1].enable()

    def summary(self) -> dict[str, Any]:
        """All of it as plain values, fixtures in the order in which they were set up."""
        return {
            "phases": {name: self._cost(account) for name, account in self.phases.items()},
            "fixtures": [
                {
                    "name": definition.argname,
                    "scope": definition.scope,
                    "defined": definition.baseid,
                    **self._cost(account),
                }
                for definition, account in self.fixtures
            ],
            "depths": self._depths,
        }

    def _cost(self, account: Profile) -> dict[str, Any]:
        calls: dict[str, int] = {}
        landmarks = dict.fromkeys(LANDMARKS, 0)
        ran = set()
        for entry in account.getstats():
            if isinstance(entry.code, str) or not is_call(entry.code):
                continue
            if is_below(entry.code.co_filename, self.path):
                ran.add(fingerprint(entry.code))
                continue
            package = third_party_package(entry.code.co_filename)
            if package is None or package == self.package:
                continue
            calls[package] = calls.get(package, 0) + entry.callcount
            for name, (home, pattern) in LANDMARKS.items():
                if package == home and pattern.fullmatch(entry.code.co_qualname):
                    landmarks[name] += entry.callcount
        # Equal where the same functions of the package ran, however often.
        functions = sha256("".join(sorted(ran)).encode()).hexdigest() if ran else ""
        return {"calls": dict(sorted(calls.items())), **landmarks, "functions": functions}


def is_call(code: CodeType) -> bool:
    """Whether a reader of the source would see a call.

    Comprehensions are functions in name only, and none at all from Python 3.12 on. How often
    sets and dicts ask two objects for their hash, or whether they are equal, depends on memory
    addresses.
    """
    if code.co_name in ("__eq__", "__hash__"):
        return False
    return not code.co_name.startswith("<") or code.co_name == "<lambda>"


def is_library(file: str) -> bool:
    """Whether a file is part of Python or installed, and so no code of the project."""
    return file.startswith(LIBRARIES)


@cache
def is_below(file: str, path: Path) -> bool:
    return Path(file).resolve().is_relative_to(path)


@cache
def fingerprint(code: CodeType) -> str:
    """The same for two functions whose source is the same, in any file."""
    try:
        if code.co_filename.endswith(".py"):
            source = inspect.getsource(code).encode()
        else:  # a template, which runs as Python code
            source = Path(code.co_filename).read_bytes()
    except OSError:  # made up at run time
        source = code.co_code
    return sha256(source).hexdigest()


@cache
def third_party_package(file: str) -> str | None:
    """The installed package that a source file belongs to.

    None for the standard library, for the project's own code, for code made up at run time,
    for test tools and installers, and for the parts of SQLAlchemy that are compiled on some
    machines only.
    """
    folder = next((folder for folder in SITE_PACKAGES if file.startswith(folder)), None)
    if folder is None or file.endswith("_cy.py"):
        return None
    package = Path(file[len(folder) :]).parts[0].removesuffix(".py")
    is_tool = package in NOT_COUNTED or package.startswith(NOT_COUNTED_PREFIXES)
    return None if is_tool else package
