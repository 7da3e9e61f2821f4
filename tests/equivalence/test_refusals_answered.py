"""Every refusal of a service has an answer of the views, and every answer has a test."""

import ast
from pathlib import Path

from after_service_layer.services.errors import DomainError
from after_service_layer.views.error_responses import ERROR_RESPONSES

TESTS = Path(__file__).parents[1] / "after" / "test_views_refusals.py"


def all_kinds_of(refusal):
    kinds = set(refusal.__subclasses__())
    return kinds.union(*(all_kinds_of(kind) for kind in kinds))


def test_every_refusal_has_an_answer():
    assert all_kinds_of(DomainError) == set(ERROR_RESPONSES)


def test_every_answer_has_a_test():
    tree = ast.parse(TESTS.read_text("utf-8"))
    tested = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert {kind.__name__ for kind in ERROR_RESPONSES} <= tested
