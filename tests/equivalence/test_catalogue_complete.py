"""Every behaviour is held by both suites, or by after alone, and no test names an unknown one."""

import ast
import tomllib
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# The tests in tests/control are part of both suites.
SUITES = {"before": ["before", "control"], "after": ["after", "control"]}


@pytest.fixture(scope="module")
def tables():
    return tomllib.loads((TESTS / "behaviours.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def catalogue(tables):
    return set(tables["behaviours"])


@pytest.fixture(scope="module")
def after_only(tables):
    return set(tables["after_only"])


def named_behaviours(suite):
    """Return the ids in all marks `behaviour("…")` of a suite, without importing its files."""
    return {
        ast.literal_eval(argument)
        for folder in SUITES[suite]
        for file in (TESTS / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("behaviour")
        for argument in node.args
    }


@pytest.mark.parametrize("suite", SUITES)
def test_every_behaviour_has_a_test(catalogue, suite):
    assert sorted(catalogue - named_behaviours(suite)) == []


def test_what_only_after_has_is_tested_there(after_only):
    assert sorted(after_only - named_behaviours("after")) == []


def test_no_test_of_before_names_another_behaviour(catalogue):
    assert sorted(named_behaviours("before") - catalogue) == []


def test_no_test_of_after_names_another_behaviour(after_only, catalogue):
    assert sorted(named_behaviours("after") - catalogue - after_only) == []


def test_no_behaviour_is_in_both_tables(after_only, catalogue):
    assert after_only.isdisjoint(catalogue)


def test_there_are_enough_behaviours_to_compare(catalogue):
    assert len(catalogue) >= 45
