"""What a refusal becomes on a page: its status, its sentence, and the field it belongs to.

No rule is at work here: most refusals are made up, and so are the services that raise them.
That every refusal has an answer, and every answer a test here, is held by tests/equivalence.
"""

import re

import pytest

from after_service_layer.services import event_management
from after_service_layer.services.cancellation import Cancellation
from after_service_layer.services.checkout import Checkout
from after_service_layer.services.errors import (
    CannotCancel,
    CannotCheckIn,
    CannotShare,
    CapacityTooSmall,
    CardDeclined,
    CardMissing,
    CheckoutIdUsed,
    CodeTaken,
    EventNotFound,
    InvalidCallback,
    InvalidQuery,
    NetworkRefused,
    NetworkUnclear,
    NotAllowed,
    NotConnected,
    OfferGone,
    OfferNotFound,
    OrderNotFound,
    PaymentPending,
    QuantityRefused,
    SalesClosed,
    SlugTaken,
    SoldOut,
    ThereAreSeats,
    TicketNotFound,
    VoucherEventUnknown,
    VoucherRefused,
)
from after_service_layer.services.oauth1 import OAuth1Service
from after_service_layer.services.settlement import Settlement
from after_service_layer.services.waiting_list import WaitingList
from after_service_layer.views import sales, waitlist
from after_service_layer.wiring import override
from tests.after.factories import an_event, an_order
from tests.after.helpers import text_of

behaviour = pytest.mark.behaviour


class RefusingService:
    """Refuses whatever it is asked: to buy, to cancel, to wait, to hear, to connect, to post."""

    authorized = False

    def __init__(self, refusal):
        self.refusal = refusal

    def max_quantity(self, event):
        return event.max_per_order

    max_waitlist_quantity = max_quantity

    def begin(self, event, checkout_id, email):
        return None

    def refuse(self, *about, **named):
        raise self.refusal

    place = cancel = join = handle_charge_event = authorization_url = verify = post = refuse


def alerts(page):
    """Return the sentences about a whole form."""
    return re.findall(r'<p class="notice bad" role="alert"[^>]*>([^<]*)</p>', page.text)


def errors(page):
    """Return the fields that have an error, with its sentence."""
    return re.findall(r'<p class="error" id="(\w+)-error">([^<]*)</p>', page.text)


@behaviour("list.refusals")
def test_a_search_that_cannot_be_run_is_a_400(client):
    page = client.get("/?sort=size")

    assert page.status_code == 400
    assert str(InvalidQuery.not_one_of("sort", "size", ["date", "price", "title"])) in text_of(
        page
    )


@pytest.mark.parametrize(
    ("method", "address"),
    [
        pytest.param("GET", "/events/jazz", marks=behaviour("event.unknown")),
        pytest.param("POST", "/events/jazz/checkout", marks=behaviour("checkout.unknown_event")),
        pytest.param("POST", "/events/jazz/waitlist", marks=behaviour("waitlist.unknown_event")),
    ],
)
def test_an_event_that_is_not_found_is_a_404(client, method, address):
    page = client.open(address, method=method)

    assert page.status_code == 404
    assert str(EventNotFound()) in text_of(page)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        pytest.param("GET", "edit", marks=behaviour("organiser.event.unknown")),
        pytest.param("POST", "edit", marks=behaviour("organiser.event.unknown")),
        pytest.param("GET", "sales", marks=behaviour("sales.refusals")),
        pytest.param("GET", "sales?format=csv", marks=behaviour("sales.refusals")),
        pytest.param("POST", "checkin", marks=behaviour("checkin.unknown")),
        pytest.param("GET", "sell", marks=behaviour("counter.refused")),
        pytest.param("POST", "sell", marks=behaviour("counter.refused")),
    ],
)
def test_an_event_that_is_not_found_for_its_organiser_is_a_404(organiser_client, method, name):
    page = organiser_client.open(f"/organiser/events/none/{name}", method=method)

    assert page.status_code == 404
    assert str(EventNotFound()) in text_of(page)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        pytest.param("GET", "/orders/ABCDE/secret", marks=behaviour("order.secret")),
        pytest.param(
            "POST", "/orders/ABCDE/secret/cancel", marks=behaviour("cancel.unknown_order")
        ),
        pytest.param("GET", "/share/ABCDE/secret", marks=behaviour("share.unknown_order")),
        pytest.param("POST", "/share/ABCDE/secret", marks=behaviour("share.unknown_order")),
    ],
)
def test_an_order_that_is_not_found_is_a_404(client, method, address):
    page = client.open(address, method=method)

    assert page.status_code == 404
    assert str(OrderNotFound()) in text_of(page)


@behaviour("webhook.unknown")
def test_a_webhook_about_no_order_is_a_404(webhook):
    with override(Settlement, RefusingService(OrderNotFound())):
        page = webhook(an_order(an_event()))

    assert page.status_code == 404
    assert str(OrderNotFound()) in text_of(page)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        pytest.param(OfferNotFound(), 404, marks=behaviour("offer.unknown")),
        pytest.param(OfferGone("The offer has lapsed."), 410, marks=behaviour("offer.gone")),
    ],
)
def test_an_offer_is_not_shown(client, monkeypatch, refusal, status):
    monkeypatch.setattr(waitlist, "find_offer", RefusingService(refusal).refuse)

    page = client.get("/waitlist/token-1")

    assert page.status_code == status
    assert str(refusal) in text_of(page)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(ThereAreSeats(seats_left=2), marks=behaviour("waitlist.seats_left")),
        pytest.param(SalesClosed(), marks=behaviour("waitlist.closed")),
    ],
)
def test_nobody_may_join_the_waiting_list(add_event, client, refusal):
    typed = {"email": "cleo@example.org", "quantity": "3"}

    with override(WaitingList, RefusingService(refusal)):
        page = client.post(f"/events/{add_event().slug}/waitlist", data=typed)

    assert page.status_code == 409
    assert alerts(page) == [str(refusal)]
    assert 'value="cleo@example.org"' in page.text


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        pytest.param(TicketNotFound(), 404, marks=behaviour("checkin.unknown")),
        pytest.param(
            CannotCheckIn("This ticket was used."),
            409,
            marks=[behaviour("checkin.used"), behaviour("checkin.not_paid")],
        ),
    ],
)
def test_a_ticket_lets_nobody_in(add_event, monkeypatch, organiser_client, refusal, status):
    monkeypatch.setattr(sales, "admit", RefusingService(refusal).refuse)
    address = f"/organiser/events/{add_event().slug}/checkin"

    page = organiser_client.post(address, data={"code": "ticket-1"})

    assert page.status_code == status
    assert alerts(page) == [str(refusal)]
    assert 'value="ticket-1"' in page.text


@pytest.mark.parametrize(
    ("refusal", "status", "field"),
    [
        pytest.param(CheckoutIdUsed(), 409, None, marks=behaviour("checkout.id_of_another")),
        pytest.param(SalesClosed(), 409, None, marks=behaviour("checkout.closed")),
        pytest.param(SoldOut(seats_left=2), 409, None, marks=behaviour("checkout.sold_out")),
        pytest.param(
            SoldOut(0, "The offer has lapsed."), 409, None, marks=behaviour("offer.refused")
        ),
        pytest.param(
            VoucherRefused("No."),
            422,
            "voucher",
            marks=[
                behaviour("checkout.voucher.unknown"),
                behaviour("checkout.voucher.early"),
                behaviour("checkout.voucher.lapsed"),
                behaviour("checkout.voucher.other_event"),
                behaviour("checkout.voucher.used_up"),
            ],
        ),
        pytest.param(QuantityRefused(4), 422, "quantity", marks=behaviour("checkout.invalid")),
        pytest.param(CardMissing(), 422, "card_token", marks=behaviour("checkout.card_missing")),
        pytest.param(CardDeclined("No."), 402, None, marks=behaviour("checkout.declined")),
    ],
)
def test_a_purchase_is_refused(add_event, buy, refusal, status, field):
    with override(Checkout, RefusingService(refusal)):
        page = buy(add_event(), name="Ada O.")

    assert page.status_code == status
    assert errors(page) == ([(field, str(refusal))] if field else [])
    assert alerts(page) == ([] if field else [str(refusal)])
    assert 'value="Ada O."' in page.text


@behaviour("checkout.unanswered")
def test_a_purchase_without_a_clear_answer_leads_to_the_held_order(add_event, buy):
    refusal = PaymentPending(an_order(an_event(), "pending"))

    with override(Checkout, RefusingService(refusal)):
        page = buy(add_event())

    assert page.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(page)
    assert 'href="/orders/A0001/secret-1"' in page.text


@behaviour("counter.refused")
@pytest.mark.parametrize(
    ("refusal", "status", "field"),
    [
        (CheckoutIdUsed(), 409, None),
        (SalesClosed(), 409, None),
        (SoldOut(seats_left=2), 409, None),
        (VoucherRefused("No."), 422, "voucher"),
        (CardMissing(), 422, "card_token"),
        (CardDeclined("No."), 402, None),
    ],
)
def test_a_sale_at_the_counter_is_refused_on_its_own_page(add_event, sell, refusal, status, field):
    with override(Checkout, RefusingService(refusal)):
        page = sell(add_event(), name="Ada O.")

    assert page.status_code == status
    assert errors(page) == ([(field, str(refusal))] if field else [])
    assert alerts(page) == ([] if field else [str(refusal)])
    assert 'value="Ada O."' in page.text
    assert 'action="/organiser/events/the-glass-orchestra/sell"' in page.text


@behaviour("counter.refused")
def test_a_sale_without_a_clear_answer_leads_to_the_held_order(add_event, sell):
    refusal = PaymentPending(an_order(an_event(), "pending"))

    with override(Checkout, RefusingService(refusal)):
        page = sell(add_event())

    assert page.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(page)
    assert 'href="/orders/A0001/secret-1"' in page.text


@behaviour("cancel.started")
@behaviour("cancel.not_paid")
@behaviour("cancel.checked_in")
def test_a_cancellation_is_refused(add_event, add_order, cancel):
    refusal = CannotCancel("It is too late.")

    with override(Cancellation, RefusingService(refusal)):
        page = cancel(add_order(add_event()))

    assert page.status_code == 409
    assert alerts(page) == ["It is too late."]


@behaviour("share.not_paid")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_order_that_is_not_paid_is_not_shared(add_event, add_order, client, method):
    order = add_order(add_event(), "pending")

    page = client.open(f"/share/{order.reference}/{order.secret}", method=method)

    assert page.status_code == 409
    assert str(CannotShare(order.status)) in text_of(page)


@behaviour("share.authorize.failed")
@pytest.mark.parametrize(
    ("refusal", "status"), [(NetworkRefused("No."), 403), (NetworkUnclear("What?"), 502)]
)
def test_nobody_is_sent_to_the_network(client, refusal, status):
    with override(OAuth1Service, RefusingService(refusal)):
        page = client.get("/share/authorize")

    assert page.status_code == status
    assert str(refusal) in text_of(page)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        pytest.param(InvalidCallback(), 400, marks=behaviour("share.callback.strange")),
        pytest.param(NotAllowed(), 403, marks=behaviour("share.callback.denied")),
        pytest.param(NetworkRefused("No."), 403, marks=behaviour("share.callback.failed")),
        pytest.param(NetworkUnclear("What?"), 502, marks=behaviour("share.callback.failed")),
    ],
)
def test_nobody_comes_back_connected(come_back, refusal, status):
    with override(OAuth1Service, RefusingService(refusal)):
        page = come_back()

    assert page.status_code == status
    assert str(refusal) in text_of(page)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        pytest.param(NotConnected(), 409, marks=behaviour("share.post.not_connected")),
        pytest.param(NetworkRefused("No."), 403, marks=behaviour("share.post.refused")),
        pytest.param(NetworkUnclear("What?"), 502, marks=behaviour("share.post.unclear")),
    ],
)
def test_a_post_is_refused_on_the_page_with_its_text(
    add_event, add_order, client, refusal, status
):
    order = add_order(add_event())

    with override(OAuth1Service, RefusingService(refusal)):
        page = client.post(f"/share/{order.reference}/{order.secret}")

    assert page.status_code == status
    assert alerts(page) == [str(refusal)]
    assert "I am going to The Glass Orchestra" in text_of(page)


EVENT = {
    "title": "JAZZ",
    "summary": "Loud.",
    "venue": "Mill Barn",
    "category": "music",
    "starts_at": "2027-05-01 19:30",
    "capacity": "5",
    "price": "1",
    "max_per_order": "5",
}
VOUCHER = {"code": "jazz", "kind": "percent", "value": "15", "max_uses": "5"}
FORMS = {
    "create_event": ("/organiser/events/new", EVENT),
    "edit_event": ("/organiser/events/blues/edit", EVENT),
    "create_voucher": ("/organiser/vouchers", VOUCHER),
}


@pytest.mark.parametrize(
    ("use_case", "refusal", "field"),
    [
        pytest.param(
            "create_event",
            SlugTaken("jazz"),
            "slug",
            marks=behaviour("organiser.event.slug_taken"),
        ),
        pytest.param(
            "edit_event",
            SlugTaken("jazz"),
            "slug",
            marks=behaviour("organiser.event.slug_taken"),
        ),
        pytest.param(
            "edit_event",
            CapacityTooSmall(seats_taken=9),
            "capacity",
            marks=behaviour("organiser.event.capacity"),
        ),
        pytest.param(
            "create_voucher",
            CodeTaken("JAZZ"),
            "code",
            marks=behaviour("organiser.voucher.taken"),
        ),
        pytest.param(
            "create_voucher",
            VoucherEventUnknown("none"),
            "event",
            marks=behaviour("organiser.voucher.unknown_event"),
        ),
    ],
)
def test_an_organisers_form_is_refused(
    add_event, monkeypatch, organiser_client, use_case, refusal, field
):
    monkeypatch.setattr(event_management, use_case, RefusingService(refusal).refuse)
    add_event("Blues")
    address, typed = FORMS[use_case]

    page = organiser_client.post(address, data=typed)

    assert page.status_code == 422
    assert errors(page) == [(field, str(refusal))]
    assert 'value="JAZZ"' in page.text
