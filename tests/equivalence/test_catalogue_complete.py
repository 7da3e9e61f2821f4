"""Every behaviour of the catalogue is held by both suites, and no test names an unknown one."""

import ast
import tomllib
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SUITES = ["before", "after"]


@pytest.fixture(scope="module")
def catalogue():
    text = (TESTS / "behaviours.toml").read_text("utf-8")
    return set(tomllib.loads(text)["behaviours"])


def named_behaviours(suite):
    """Return the ids in all marks `behaviour("…")` of a suite, without importing its files."""
    return {
        ast.literal_eval(argument)
        for file in (TESTS / suite).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("behaviour")
        for argument in node.args
    }


@pytest.mark.parametrize("suite", SUITES)
def test_every_behaviour_has_a_test(catalogue, suite):
    assert sorted(catalogue - named_behaviours(suite)) == []


@pytest.mark.parametrize("suite", SUITES)
def test_no_test_names_an_unknown_behaviour(catalogue, suite):
    assert sorted(named_behaviours(suite) - catalogue) == []


def test_there_are_enough_behaviours_to_compare(catalogue):
    assert len(catalogue) >= 45
