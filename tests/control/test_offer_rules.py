"""When an offer of seats can be used. The model is tested; no session is needed."""

import pytest

from tests.kit.helpers import NOW, TICK

CLEO = "cleo@example.org"


@pytest.fixture
def make_offer(models):
    """Return a function that makes an offer to Cleo that stands, unless said otherwise."""

    def make_offer(**differences):
        facts = {"email": CLEO, "status": "offered", "offered_until": NOW}
        return models.WaitlistEntry(**{**facts, **differences})

    return make_offer


@pytest.mark.behaviour("offer.usable")
@pytest.mark.parametrize(
    ("offered_until", "stands"), [(NOW + TICK, True), (NOW, True), (NOW - TICK, False)]
)
def test_an_offer_stands_until_its_last_instant(make_offer, offered_until, stands):
    assert make_offer(offered_until=offered_until).offer_stands(NOW) == stands


@pytest.mark.behaviour("offer.usable")
@pytest.mark.parametrize("status", ["waiting", "taken", "lapsed"])
def test_an_entry_that_is_not_offered_has_no_offer_that_stands(make_offer, status):
    assert not make_offer(status=status).offer_stands(NOW)


@pytest.mark.behaviour("offer.usable")
def test_an_offer_without_a_last_instant_does_not_stand(make_offer):
    assert not make_offer(offered_until=None).offer_stands(NOW)


@pytest.mark.behaviour("offer.usable")
@pytest.mark.parametrize("email", [CLEO, "Cleo@EXAMPLE.org"])
def test_an_offer_can_be_used_by_its_e_mail_address_in_any_case(make_offer, email):
    assert make_offer().refusal(email, NOW) is None


@pytest.mark.behaviour("offer.usable")
@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        ({"status": "taken"}, "USED"),
        ({"status": "lapsed"}, "LAPSED"),
        ({"status": "waiting"}, "LAPSED"),
        ({"offered_until": NOW - TICK}, "LAPSED"),
        ({"email": "dora@example.org"}, "OTHER_EMAIL"),
    ],
    ids=["used", "closed", "not made", "late", "for another address"],
)
def test_an_offer_that_cannot_be_used_says_why(make_offer, models, difference, reason):
    assert make_offer(**difference).refusal(CLEO, NOW) == models.OfferRefusal[reason]
