"""What the source of a test shows, without running it."""

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest


def describe(item: pytest.Item) -> dict[str, Any]:
    """Name, case, behaviours, a fingerprint of the source, and the number of assertions.

    The case is what sets a test apart in its file. The fingerprint is of the test function and
    of all the fixtures that it uses.
    """
    tree = source_tree(getattr(item, "function", None))
    sources = [tree, *map(source_tree, fixture_functions(item))]
    return {
        "name": getattr(item, "originalname", item.name),
        "case": item.nodeid.partition("::")[2],
        "behaviours": [name for mark in item.iter_markers("behaviour") for name in mark.args],
        "source": sha256("".join(map(dumped, sources)).encode()).hexdigest() if tree else None,
        "assertions": sum(map(is_assertion, ast.walk(tree))) if tree else 0,
    }


def test_files(session: pytest.Session, package: Path) -> list[str]:
    """The files of the collected tests, and what they have loaded from around them.

    That is from the same folder of the project, the outermost one: a conftest.py above the
    tests, or a module of helpers beside them. The package itself is not among it.
    """
    root = session.config.rootpath
    tests = {item.path for item in session.items}
    around = {
        root / path.relative_to(root).parts[0] for path in tests if path.is_relative_to(root)
    }
    loaded = {
        Path(file)
        for module in list(sys.modules.values())
        if isinstance(file := getattr(module, "__file__", None), str) and file.endswith(".py")
    }
    helpers = {
        file
        for file in loaded
        if around.intersection((file, *file.parents)) and not file.is_relative_to(package)
    }
    return sorted(str(file.resolve()) for file in tests | helpers)


def fixture_functions(item: pytest.Item) -> list[Callable[..., object]]:
    """The functions behind the fixtures of a test, those that are overridden included."""
    if not isinstance(item, pytest.Function):
        return []
    found = item._fixtureinfo.name2fixturedefs
    return [each.func for name in sorted(found) for each in found[name]]


def dumped(tree: ast.Module | None) -> str:
    return ast.dump(tree) if tree else "no source"


def source_tree(function: Callable[..., object] | None) -> ast.Module | None:
    """A function with its decorators; layout and comments do not show in it."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))) if function else None
    except (OSError, SyntaxError, TypeError):
        return None


def is_assertion(node: ast.AST) -> bool:
    """`assert`, `pytest.raises` and `pytest.warns`, and calls like `self.assertEqual`."""
    if isinstance(node, ast.Call):
        called = str(getattr(node.func, "attr", getattr(node.func, "id", "")))
        return called in ("raises", "warns") or called.startswith("assert")
    return isinstance(node, ast.Assert)
