"""What all suites share: two options, and the rule that every test names its behaviours.

A suite's own conftest reads the options with `config.getoption("app")` and
`config.getoption("database")`. There are no fixtures here, and no framework is imported:
what a test needs is in its own suite.
"""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
APPS = ("before_mvt", "after_service_layer")
DATABASES = ("sqlite://", "postgresql+psycopg://")
# Files that werkzeug leaves to the garbage collector, by the folder of the tests that cause it: a
# stylesheet whose request the browser has broken off, and the parts of a form with too many.
LEFT_OPEN = {
    "browser": "_io.FileIO name=.*/static/",
    "equivalence": "function SpooledTemporaryFile",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--app",
        default=APPS[0],
        metavar="PACKAGE",
        help=f"the app that tests/before and tests/control use: {' or '.join(APPS)}",
    )
    parser.addoption(
        "--database",
        default=DATABASES[0],
        metavar="URL",
        help="the database of both suites; by default SQLite in memory",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Settings that were made for running a shop must not change the tests.
    for variable in [name for name in os.environ if name.startswith("BOX_OFFICE_")]:
        del os.environ[variable]
    app, database = config.getoption("app"), config.getoption("database")
    if app not in APPS:
        raise pytest.UsageError(f"--app {app}: accepted are {' and '.join(APPS)}.")
    if not database.startswith(DATABASES):
        raise pytest.UsageError(
            f"--database {database}: accepted are URLs that start with {' or '.join(DATABASES)}."
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Accept what werkzeug leaves open, and hold every test of a suite to its behaviours."""
    for item in items:
        if file := LEFT_OPEN.get(item.path.parent.name):
            ignored = (
                f"ignore:Exception ignored in. <{file}:pytest.PytestUnraisableExceptionWarning"
            )
            item.add_marker(pytest.mark.filterwarnings(ignored))
    require_behaviours(items)


def require_behaviours(items: Sequence[pytest.Item]) -> None:
    """Stop the run when a test of a suite does not say which behaviour it holds."""
    suites = {TESTS / "before", TESTS / "control", TESTS / "after"}
    tests = [item for item in items if suites.intersection(item.path.parents)]
    known, after_only = load_behaviours() if tests else ({}, {})
    for test in tests:
        named = [name for marker in test.iter_markers("behaviour") for name in marker.args]
        if not named:
            raise pytest.UsageError(
                f"{test.nodeid} names no behaviour: mark it with"
                ' @pytest.mark.behaviour("…"), with an id from tests/behaviours.toml.'
            )
        for name in named:
            if name in after_only and TESTS / "after" not in test.path.parents:
                raise pytest.UsageError(
                    f"{test.nodeid} names the behaviour '{name}', which tests/behaviours.toml"
                    " has for tests/after only."
                )
            if name not in known and name not in after_only:
                raise pytest.UsageError(
                    f"{test.nodeid} names the behaviour '{name}',"
                    " which is not in tests/behaviours.toml."
                )


def load_behaviours() -> tuple[dict[str, str], dict[str, str]]:
    """The catalogue of behaviours, id and sentence: of both apps, and of the second one only."""
    catalogue = TESTS / "behaviours.toml"
    try:
        tables: dict[str, dict[str, str]] = tomllib.loads(catalogue.read_text("utf-8"))
        return tables["behaviours"], tables.get("after_only", {})
    except FileNotFoundError as error:
        raise pytest.UsageError("tests/behaviours.toml, the catalogue, is missing.") from error
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise pytest.UsageError(
            f"tests/behaviours.toml needs a table [behaviours] of ids and sentences: {error}."
        ) from error
