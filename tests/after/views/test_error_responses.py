"""What a domain error becomes on a page: its status, its sentence, and the field it is about.

Most errors here are made up, and so are the services that raise them: the rules are tested in
tests/after/services. tests/equivalence holds that every row of the table has a test here.
"""

import re

import pytest

from after_service_layer.models import OfferRefusal, OrderStatus, VoucherRefusal
from after_service_layer.services.cancellation import Cancellation
from after_service_layer.services.checkout import Availability, Checkout
from after_service_layer.services.errors import (
    AlreadyCheckedIn,
    CapacityTooSmall,
    CardDeclined,
    CardMissing,
    CheckoutIdUsed,
    ConnectionRevoked,
    EventNotFound,
    EventStarted,
    InvalidCallback,
    InvalidQuery,
    NetworkRefused,
    NetworkUnclear,
    NotAllowed,
    NotConnected,
    OfferNotFound,
    OfferRefused,
    OrderNotFound,
    OrderNotPaid,
    PaymentPending,
    PostRefused,
    PostUnclear,
    QuantityRefused,
    SalesClosed,
    SeatsAvailable,
    SlugTaken,
    SoldOut,
    TicketNotFound,
    TicketNotPaid,
    TicketUsed,
    VoucherCodeTaken,
    VoucherEventUnknown,
    VoucherRefused,
    VoucherUnknown,
)
from after_service_layer.services.event_management import EventManagement
from after_service_layer.services.oauth1 import OAuth1Service
from after_service_layer.services.settlement import Settlement
from after_service_layer.services.waiting_list import WaitingList
from after_service_layer.views import organiser, sales, waitlist
from after_service_layer.wiring import override
from tests.after.services.factories import an_event, an_order
from tests.kit.helpers import NOW, text_of

behaviour = pytest.mark.behaviour


class RefusingService:
    """Raises an error, whatever it is asked to do."""

    authorized = False

    def __init__(self, error):
        self.error = error

    def max_quantity(self, event):
        return event.max_per_order

    max_waitlist_quantity = max_quantity

    def availability(self, event, **buyer):
        return Availability(now=NOW, seats_left=2, can_buy=True, can_join_waiting_list=True)

    def begin(self, *about):
        return None

    def refuse(self, *about, **named):
        raise self.error

    place = cancel = join = create = edit = handle_charge_event = refuse
    authorization_url = verify = post = refuse


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
    assert str(InvalidQuery("sort", "size", ("date", "price", "title"))) in text_of(page)


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
    ("error", "status"),
    [
        pytest.param(OfferNotFound(), 404, marks=behaviour("offer.unknown")),
        pytest.param(OfferRefused(OfferRefusal.LAPSED), 410, marks=behaviour("offer.gone")),
    ],
)
def test_an_offer_is_not_shown(client, monkeypatch, error, status):
    monkeypatch.setattr(waitlist, "find_offer", RefusingService(error).refuse)

    page = client.get("/waitlist/token-1")

    assert page.status_code == status
    assert str(error) in text_of(page)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(SeatsAvailable(seats_left=2), marks=behaviour("waitlist.seats_left")),
        pytest.param(SalesClosed(), marks=behaviour("waitlist.closed")),
    ],
)
def test_joining_the_waiting_list_is_refused(add_event, client, error):
    typed = {"email": "cleo@example.org", "quantity": "3"}
    refusing = RefusingService(error)

    with override(WaitingList, refusing), override(Checkout, refusing):
        page = client.post(f"/events/{add_event().slug}/waitlist", data=typed)

    assert page.status_code == 409
    assert alerts(page) == [str(error)]
    assert 'value="cleo@example.org"' in page.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(TicketNotFound(), 404, marks=behaviour("checkin.unknown")),
        pytest.param(
            TicketNotPaid("ABCDE", OrderStatus.CANCELLED), 409, marks=behaviour("checkin.not_paid")
        ),
        pytest.param(AlreadyCheckedIn(NOW), 409, marks=behaviour("checkin.used")),
    ],
)
def test_a_ticket_is_refused(add_event, monkeypatch, organiser_client, error, status):
    monkeypatch.setattr(sales, "admit", RefusingService(error).refuse)
    address = f"/organiser/events/{add_event().slug}/checkin"

    page = organiser_client.post(address, data={"code": "ticket-1"})

    assert page.status_code == status
    assert alerts(page) == [str(error)]
    assert 'value="ticket-1"' in page.text


@pytest.mark.parametrize(
    ("error", "status", "field"),
    [
        pytest.param(SalesClosed(), 409, None, marks=behaviour("checkout.closed")),
        pytest.param(SoldOut(seats_left=2), 409, None, marks=behaviour("checkout.sold_out")),
        pytest.param(SoldOut(0, OfferNotFound()), 409, None, marks=behaviour("offer.refused")),
        pytest.param(
            VoucherUnknown("SPRING"), 422, "voucher", marks=behaviour("checkout.voucher.unknown")
        ),
        pytest.param(
            VoucherRefused(VoucherRefusal.LAPSED, "SPRING"),
            422,
            "voucher",
            marks=[
                behaviour("checkout.voucher.early"),
                behaviour("checkout.voucher.lapsed"),
                behaviour("checkout.voucher.other_event"),
                behaviour("checkout.voucher.used_up"),
            ],
        ),
        pytest.param(QuantityRefused(4), 422, "quantity", marks=behaviour("checkout.invalid")),
        pytest.param(
            CardMissing(2500), 422, "card_token", marks=behaviour("checkout.card_missing")
        ),
        pytest.param(CardDeclined("No."), 402, None, marks=behaviour("checkout.declined")),
    ],
)
def test_a_purchase_is_refused(add_event, buy, error, status, field):
    with override(Checkout, RefusingService(error)):
        page = buy(add_event(), name="Ada O.")

    assert page.status_code == status
    assert errors(page) == ([(field, str(error))] if field else [])
    assert alerts(page) == ([] if field else [str(error)])
    assert 'value="Ada O."' in page.text


@behaviour("checkout.id_of_another")
def test_a_checkout_id_of_another_purchase_has_a_sentence_of_the_pages_own(add_event, buy):
    with override(Checkout, RefusingService(CheckoutIdUsed())):
        page = buy(add_event())

    assert page.status_code == 409
    assert alerts(page) == ["This was sent before: check what you typed, and send it again."]


@behaviour("checkout.unanswered")
def test_a_purchase_without_a_clear_answer_leads_to_the_held_order(add_event, buy):
    error = PaymentPending(an_order(an_event(), "pending"))

    with override(Checkout, RefusingService(error)):
        page = buy(add_event())

    assert page.status_code == 503
    assert "Your seats are held. We will confirm by e-mail." in text_of(page)
    assert 'href="/orders/A0001/secret-1"' in page.text


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(EventStarted(), marks=behaviour("cancel.started")),
        pytest.param(
            OrderNotPaid(OrderStatus.EXPIRED, "cancelled"), marks=behaviour("cancel.not_paid")
        ),
        pytest.param(TicketUsed(), marks=behaviour("cancel.checked_in")),
    ],
)
def test_a_cancellation_is_refused(add_event, add_order, cancel, error):
    with override(Cancellation, RefusingService(error)):
        page = cancel(add_order(add_event()))

    assert page.status_code == 409
    assert alerts(page) == [str(error)]


@behaviour("share.not_paid")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_order_that_is_not_paid_is_not_shared(add_event, add_order, client, method):
    order = add_order(add_event(), "pending")

    page = client.open(f"/share/{order.reference}/{order.secret}", method=method)

    assert page.status_code == 409
    assert str(OrderNotPaid(OrderStatus.PENDING, "shared")) in text_of(page)


@behaviour("share.authorize.failed")
@pytest.mark.parametrize(("error", "status"), [(NetworkRefused(), 403), (NetworkUnclear(), 502)])
def test_a_connection_cannot_begin(client, error, status):
    with override(OAuth1Service, RefusingService(error)):
        page = client.get("/share/authorize")

    assert page.status_code == status
    assert str(error) in text_of(page)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(InvalidCallback(), 400, marks=behaviour("share.callback.strange")),
        pytest.param(NotAllowed(), 403, marks=behaviour("share.callback.denied")),
        pytest.param(NetworkRefused(), 403, marks=behaviour("share.callback.failed")),
        pytest.param(NetworkUnclear(), 502, marks=behaviour("share.callback.failed")),
    ],
)
def test_a_callback_is_refused(come_back, error, status):
    with override(OAuth1Service, RefusingService(error)):
        page = come_back()

    assert page.status_code == status
    assert str(error) in text_of(page)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(NotConnected(), 409, marks=behaviour("share.post.not_connected")),
        pytest.param(ConnectionRevoked(), 403, marks=behaviour("share.post.refused")),
        pytest.param(PostRefused(), 403, marks=behaviour("share.post.refused")),
        pytest.param(PostUnclear(), 502, marks=behaviour("share.post.unclear")),
    ],
)
def test_a_post_is_refused_on_the_page_with_its_text(add_event, add_order, client, error, status):
    order = add_order(add_event())

    with override(OAuth1Service, RefusingService(error)):
        page = client.post(f"/share/{order.reference}/{order.secret}")

    assert page.status_code == status
    assert alerts(page) == [str(error)]
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


@pytest.mark.parametrize(
    ("page", "error", "field"),
    [
        pytest.param(
            "new", SlugTaken("jazz"), "slug", marks=behaviour("organiser.event.slug_taken")
        ),
        pytest.param(
            "blues/edit", SlugTaken("jazz"), "slug", marks=behaviour("organiser.event.slug_taken")
        ),
        pytest.param(
            "blues/edit",
            CapacityTooSmall(seats_taken=9),
            "capacity",
            marks=behaviour("organiser.event.capacity"),
        ),
    ],
)
def test_an_event_is_refused(add_event, organiser_client, page, error, field):
    add_event("Blues")

    with override(EventManagement, RefusingService(error)):
        answer = organiser_client.post(f"/organiser/events/{page}", data=EVENT)

    assert answer.status_code == 422
    assert errors(answer) == [(field, str(error))]
    assert 'value="JAZZ"' in answer.text


@pytest.mark.parametrize(
    ("error", "field"),
    [
        pytest.param(VoucherCodeTaken("JAZZ"), "code", marks=behaviour("organiser.voucher.taken")),
        pytest.param(
            VoucherEventUnknown("none"),
            "event",
            marks=behaviour("organiser.voucher.unknown_event"),
        ),
    ],
)
def test_a_voucher_is_refused(monkeypatch, organiser_client, error, field):
    monkeypatch.setattr(organiser, "create_voucher", RefusingService(error).refuse)

    answer = organiser_client.post("/organiser/vouchers", data=VOUCHER)

    assert answer.status_code == 422
    assert errors(answer) == [(field, str(error))]
    assert 'value="JAZZ"' in answer.text
