"""What a buyer tells their friends."""

import pytest

from after_service_layer.services.errors import CannotShare
from after_service_layer.services.sharing import share_text
from tests.after.factories import an_event, an_order
from tests.after.helpers import DAY, NOW

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
    sentence = rf"^Only a paid order can be shared; this one is {status}\.$"

    with pytest.raises(CannotShare, match=sentence):
        share_text(an_order(an_event(), status), address=ADDRESS)
