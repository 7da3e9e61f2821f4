"""Every domain error has an answer of the views, and tests of its code and of its answer."""

import ast
from pathlib import Path

from after_service_layer.models import OfferRefusal, VoucherRefusal
from after_service_layer.services.errors import DomainError, OfferRefused, VoucherRefused
from after_service_layer.views.error_responses import ERROR_RESPONSES
from tests.after.services.test_errors import ERRORS

ANSWERS = Path(__file__).parents[1] / "after" / "views" / "test_error_responses.py"


def all_kinds_of(error):
    kinds = set(error.__subclasses__())
    return kinds.union(*(all_kinds_of(kind) for kind in kinds))


def test_every_error_has_an_answer():
    assert all_kinds_of(DomainError) == set(ERROR_RESPONSES)


def test_every_answer_has_a_test():
    tree = ast.parse(ANSWERS.read_text("utf-8"))
    tested = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert {kind.__name__ for kind in ERROR_RESPONSES} <= tested


def test_every_error_has_a_code_of_its_own():
    """With a reason, each reason is a code. The codes themselves are tested with the services."""
    tested = {(type(row.values[0]), row.values[1]) for row in ERRORS}
    reasons = {(VoucherRefused, reason) for reason in VoucherRefusal}
    reasons |= {(OfferRefused, reason) for reason in OfferRefusal}

    kinds = all_kinds_of(DomainError) - {VoucherRefused, OfferRefused}
    assert tested == {(kind, kind.code) for kind in kinds} | reasons
    assert len({code for _, code in tested}) == len(tested)
