"""The domain errors: each with a stable code, its facts, and a sentence made from them."""

import pytest

from after_service_layer.models import OfferRefusal, OrderStatus, VoucherRefusal
from after_service_layer.services import errors
from tests.after.services.factories import an_event, an_order
from tests.kit.helpers import NOW

behaviour = pytest.mark.behaviour

ORDER = an_order(an_event())
LAPSED_OFFER = errors.OfferRefused(OfferRefusal.LAPSED)


def row(error, mark, code, sentence, **facts):
    return pytest.param(error, code, sentence, facts, marks=mark, id=code)


# tests/equivalence/test_refusals_answered.py holds that every error has a row here.
ERRORS = [
    row(
        errors.EventNotFound(),
        behaviour("event.unknown"),
        "event_not_found",
        "There is no such event.",
    ),
    row(
        errors.OrderNotFound(),
        behaviour("order.secret"),
        "order_not_found",
        "There is no such order.",
    ),
    row(
        errors.InvalidQuery("sort", "size", ("date", "price")),
        behaviour("list.refusals"),
        "invalid_query",
        "sort cannot be 'size': choose one of date, price.",
        field="sort",
        value="size",
        accepted=("date", "price"),
    ),
    row(
        errors.InvalidQuery("page", 0, "give a whole number"),
        behaviour("list.refusals"),
        "invalid_query",
        "page cannot be '0': give a whole number.",
        field="page",
        value=0,
        accepted="give a whole number",
    ),
    row(
        errors.SalesClosed(),
        behaviour("checkout.closed"),
        "sales_closed",
        "Sales are closed: the event has started.",
    ),
    row(
        errors.CheckoutIdUsed(),
        behaviour("checkout.id_of_another"),
        "checkout_id_used",
        "This checkout id was used for another purchase.",
    ),
    row(
        errors.QuantityRefused(4),
        behaviour("checkout.invalid"),
        "quantity_refused",
        "Choose 1 to 4 seats.",
        most=4,
    ),
    row(
        errors.VoucherUnknown("SPRING"),
        behaviour("checkout.voucher.unknown"),
        "voucher_unknown",
        "There is no voucher SPRING.",
        voucher="SPRING",
    ),
    row(
        errors.VoucherRefused(VoucherRefusal.NOT_YET_VALID, "SPRING"),
        behaviour("checkout.voucher.early"),
        "voucher_not_yet_valid",
        "The voucher SPRING is not valid yet.",
        reason=VoucherRefusal.NOT_YET_VALID,
        voucher="SPRING",
    ),
    row(
        errors.VoucherRefused(VoucherRefusal.LAPSED, "SPRING"),
        behaviour("checkout.voucher.lapsed"),
        "voucher_lapsed",
        "The voucher SPRING is no longer valid.",
        reason=VoucherRefusal.LAPSED,
        voucher="SPRING",
    ),
    row(
        errors.VoucherRefused(VoucherRefusal.OTHER_EVENT, "SPRING"),
        behaviour("checkout.voucher.other_event"),
        "voucher_for_another_event",
        "The voucher SPRING is for another event.",
        reason=VoucherRefusal.OTHER_EVENT,
        voucher="SPRING",
    ),
    row(
        errors.VoucherRefused(VoucherRefusal.USED_UP, "SPRING"),
        behaviour("checkout.voucher.used_up"),
        "voucher_used_up",
        "The voucher SPRING is used up.",
        reason=VoucherRefusal.USED_UP,
        voucher="SPRING",
    ),
    row(
        errors.OfferNotFound(),
        behaviour("offer.unknown"),
        "offer_not_found",
        "There is no such offer.",
    ),
    row(
        errors.OfferRefused(OfferRefusal.USED),
        behaviour("offer.gone"),
        "offer_used",
        "The offer was used already.",
        reason=OfferRefusal.USED,
    ),
    row(
        errors.OfferRefused(OfferRefusal.LAPSED),
        behaviour("offer.gone"),
        "offer_lapsed",
        "The offer has lapsed.",
        reason=OfferRefusal.LAPSED,
    ),
    row(
        errors.OfferRefused(OfferRefusal.OTHER_EMAIL),
        behaviour("offer.refused"),
        "offer_for_another_email",
        "The offer is for another e-mail address.",
        reason=OfferRefusal.OTHER_EMAIL,
    ),
    row(
        errors.SoldOut(2),
        behaviour("checkout.sold_out"),
        "sold_out",
        "Not enough seats: 2 seats are left.",
        seats_left=2,
        offer=None,
    ),
    row(
        errors.SoldOut(1, LAPSED_OFFER),
        behaviour("offer.refused"),
        "sold_out",
        "Not enough seats: 1 seat is left. The offer has lapsed.",
        seats_left=1,
        offer="offer_lapsed",
    ),
    row(
        errors.SeatsAvailable(1),
        behaviour("waitlist.seats_left"),
        "seats_available",
        "There are seats: 1 seat is left.",
        seats_left=1,
    ),
    row(
        errors.CardMissing(2500),
        behaviour("checkout.card_missing"),
        "card_missing",
        "Give a card: there is something to pay.",
        total_cents=2500,
    ),
    row(
        errors.CardDeclined("No money."),
        behaviour("checkout.declined"),
        "card_declined",
        "The card was declined: No money.",
        reason="No money.",
    ),
    row(
        errors.PaymentPending(ORDER),
        behaviour("checkout.unanswered"),
        "payment_pending",
        "The payment of the order A0001 is not known yet.",
        reference="A0001",
        hold_until=ORDER.hold_until,
    ),
    row(
        errors.OrderNotPaid(OrderStatus.EXPIRED, "cancelled"),
        behaviour("cancel.not_paid"),
        "order_not_paid",
        "Only a paid order can be cancelled; this one is expired.",
        status="expired",
        action="cancelled",
    ),
    row(
        errors.EventStarted(),
        behaviour("cancel.started"),
        "event_started",
        "The event has started: the order can no longer be cancelled.",
    ),
    row(
        errors.TicketUsed(),
        behaviour("cancel.checked_in"),
        "ticket_used",
        "A ticket of this order is checked in already: it can no longer be cancelled.",
    ),
    row(
        errors.TicketNotFound(),
        behaviour("checkin.unknown"),
        "ticket_not_found",
        "There is no such ticket for this event.",
    ),
    row(
        errors.TicketNotPaid("A0001", OrderStatus.CANCELLED),
        behaviour("checkin.not_paid"),
        "ticket_not_paid",
        "The order A0001 is cancelled.",
        reference="A0001",
        status="cancelled",
    ),
    row(
        errors.AlreadyCheckedIn(NOW),
        behaviour("checkin.used"),
        "already_checked_in",
        "This ticket was checked in at 2027-03-01 12:00 UTC.",
        checked_in_at=NOW,
    ),
    row(
        errors.CapacityTooSmall(5),
        behaviour("organiser.event.capacity"),
        "capacity_too_small",
        "5 seats are taken: give at least 5.",
        seats_taken=5,
    ),
    row(
        errors.SlugTaken("jazz"),
        behaviour("organiser.event.slug_taken"),
        "slug_taken",
        "There is an event jazz already: give another short name.",
        slug="jazz",
    ),
    row(
        errors.VoucherCodeTaken("SPRING"),
        behaviour("organiser.voucher.taken"),
        "voucher_code_taken",
        "There is a voucher SPRING already.",
        voucher="SPRING",
    ),
    row(
        errors.VoucherEventUnknown("jazz"),
        behaviour("organiser.voucher.unknown_event"),
        "voucher_event_unknown",
        "There is no event jazz.",
        slug="jazz",
    ),
    row(
        errors.NotConnected(),
        behaviour("share.post.not_connected"),
        "network_not_connected",
        "Connect your account first.",
    ),
    row(
        errors.InvalidCallback(),
        behaviour("share.callback.strange"),
        "network_invalid_callback",
        "This answer belongs to no connection that was begun here: begin again.",
    ),
    row(
        errors.NotAllowed(),
        behaviour("share.callback.denied"),
        "network_not_allowed",
        "You did not allow the shop to post in your name.",
    ),
    row(
        errors.NetworkRefused(),
        behaviour("share.authorize.failed"),
        "network_refused",
        "The network has refused: begin again.",
    ),
    row(
        errors.NetworkUnclear(),
        behaviour("share.authorize.failed"),
        "network_unclear",
        "The network gives no clear answer: try again later.",
    ),
    row(
        errors.ConnectionRevoked(),
        behaviour("share.post.refused"),
        "network_connection_revoked",
        "The network no longer accepts the connection: connect your account again.",
    ),
    row(
        errors.PostRefused(),
        behaviour("share.post.refused"),
        "network_post_refused",
        "The network has refused this post.",
    ),
    row(
        errors.PostUnclear(),
        behaviour("share.post.unclear"),
        "network_post_unclear",
        "The network gives no clear answer: look there before you post again.",
    ),
]


@pytest.mark.parametrize(("error", "code", "sentence", "facts"), ERRORS)
def test_an_error_has_a_code_a_sentence_and_its_facts(error, code, sentence, facts):
    assert (error.code, str(error), error.facts) == (code, sentence, facts)
