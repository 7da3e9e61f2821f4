"""What can be said of a test without running it."""

import ast
import inspect
import textwrap
from hashlib import sha256
from typing import Any

import pytest


def describe(item: pytest.Item) -> dict[str, Any]:
    """Name, behaviours, a fingerprint of the source, and the number of assertions."""
    tree = source_tree(item)
    return {
        "name": getattr(item, "originalname", item.name),
        "behaviours": [name for mark in item.iter_markers("behaviour") for name in mark.args],
        "source": sha256(ast.dump(tree).encode()).hexdigest() if tree else None,
        "assertions": sum(map(is_assertion, ast.walk(tree))) if tree else 0,
    }


def source_tree(item: pytest.Item) -> ast.Module | None:
    """The test function with its decorators; layout and comments do not show in it."""
    function = getattr(item, "function", None)
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function))) if function else None
    except (OSError, SyntaxError):
        return None


def is_assertion(node: ast.AST) -> bool:
    """`assert`, `pytest.raises` and `pytest.warns`, and calls like `self.assertEqual`."""
    if isinstance(node, ast.Call):
        called = str(getattr(node.func, "attr", getattr(node.func, "id", "")))
        return called in ("raises", "warns") or called.startswith("assert")
    return isinstance(node, ast.Assert)
