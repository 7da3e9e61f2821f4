"""The text of a post."""

import pytest

from after_service_layer.services.errors import OrderNotPaid
from after_service_layer.services.sharing import share_text
from tests.after.services.factories import an_event, an_order
from tests.kit.helpers import DAY, NOW

ADDRESS = "https://shop.example/events/jazz"


@pytest.mark.behaviour("share.page")
@pytest.mark.behaviour("share.post")
def test_the_text_says_what_where_when_and_how_to_get_there():
    order = an_order(an_event("Jazz", venue="Mill Barn", starts_at=NOW + DAY))

    text = share_text(order, address=ADDRESS)

    assert text == f"I am going to Jazz at Mill Barn, 2027-03-02 12:00 UTC. {ADDRESS}"


@pytest.mark.behaviour("share.not_paid")
@pytest.mark.parametrize("status", ["pending", "declined", "expired", "cancelled"])
def test_an_order_that_is_not_paid_is_not_shared(status):
    with pytest.raises(OrderNotPaid) as refused:
        share_text(an_order(an_event(), status), address=ADDRESS)

    assert (refused.value.status, refused.value.action) == (status, "shared")
