"""Buying tickets."""

import secrets
from datetime import timedelta

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..database import db
from ..forms import CheckoutForm
from ..mail import send_confirmation, send_refund_notice
from ..models import (
    REFERENCE_LENGTH,
    REFERENCE_LETTERS,
    Event,
    Order,
    OrderStatus,
    RefundState,
    Voucher,
    VoucherRefusal,
    WaitlistEntry,
    WaitlistStatus,
)
from ..payments import ask_gateway, charge_id_of, no_answer, reason_to_show
from ..support.clock import utc_now
from ..support.money import percent_of
from .catalogue import event_or_404, event_page
from .orders import refund
from .waitlist import CLOSED, OFFER_REFUSALS, serve_waitlist

bp = Blueprint("checkout", __name__)

HOLD = timedelta(minutes=30)
GROUP_FROM = 6
GROUP_PERCENT = 10

VOUCHER_REFUSALS = {
    VoucherRefusal.NOT_YET_VALID: "The voucher {} is not valid yet.",
    VoucherRefusal.LAPSED: "The voucher {} is no longer valid.",
    VoucherRefusal.OTHER_EVENT: "The voucher {} is for another event.",
    VoucherRefusal.USED_UP: "The voucher {} is used up.",
}


@bp.post("/events/<slug>/checkout")
def place(slug: str) -> ResponseReturnValue:
    event = event_or_404(slug)
    return sell(event, CheckoutForm(event.max_per_order), HOLD, "catalogue/event.html")


def sell(event: Event, form: CheckoutForm, hold: timedelta, template: str) -> ResponseReturnValue:
    """Turn the form into an order whose seats are held for so long, and take the money.

    The answer leads to the order, or is the page of this template with the form again. Commits
    the pending order before any money moves, then what became of it.
    """

    def again(status: int, problem: str | None = None) -> ResponseReturnValue:
        """Show the form as it was typed."""
        form.renew()
        return _event_page_again(event, form, template, problem), status

    def give_up(status: int, problem: str | None = None) -> ResponseReturnValue:
        """Show the form as it was typed. Nothing is kept, and the locks are given back."""
        db.session.rollback()
        return again(status, problem)

    def repeated(existing_order: Order) -> ResponseReturnValue:
        """Lead to the order that this form's id has made already, for the same buyer.

        Another buyer who has the id learns nothing of that order.
        """
        same_email = existing_order.email.lower() == form.email.data.lower()
        if existing_order.event_id != event.id or not same_email:
            return give_up(409, "This was sent before: check what you typed, and send it again.")
        return _to_order(existing_order)

    # A form that was sent before, comes too late or is not valid need not wait for a lock.
    existing_order = _order_of(form.checkout_id.data)
    if existing_order is not None:
        return repeated(existing_order)
    if event.has_started(utc_now()):
        return again(409, CLOSED)
    if not form.validate():
        return again(422)

    # From here to the commit, nothing else decides about this event's seats, and a second click
    # waits for the first. All that follows goes by the instant at which the wait is over.
    event.lock()
    now = utc_now()
    existing_order = _order_of(form.checkout_id.data)
    if existing_order is not None:
        return repeated(existing_order)
    if event.has_started(now):
        return give_up(409, CLOSED)

    voucher = None
    if form.voucher.data:
        code = form.voucher.data.upper()
        voucher = db.session.scalar(select(Voucher).where(Voucher.code == code))
        if voucher is None:
            form.voucher.errors = [f"There is no voucher {code}."]
            return give_up(422)
        voucher.lock()
        refusal = voucher.refusal(event, now)
        if refusal is not None:
            form.voucher.errors = [VOUCHER_REFUSALS[refusal].format(code)]
            return give_up(422)

    offer, no_offer = None, ""
    if form.offer.data:
        offer = _offer_for_event(event, form.offer.data)
        if offer is None:
            no_offer = " There is no such offer."
        elif (reason := offer.refusal(form.email.data, now)) is not None:
            offer, no_offer = None, f" {OFFER_REFUSALS[reason]}"

    quantity = form.quantity.data
    seats_left = event.seats_left(now)
    if offer is not None:
        seats_left += offer.quantity
    if quantity > seats_left:
        left = "1 seat is" if seats_left == 1 else f"{seats_left} seats are"
        return give_up(409, f"Not enough seats: {left} left.{no_offer}")

    gross_cents = event.unit_price(now) * quantity
    group_cents = percent_of(gross_cents, GROUP_PERCENT) if quantity >= GROUP_FROM else 0
    voucher_cents = voucher.discount(gross_cents) if voucher is not None else 0
    if voucher_cents <= group_cents:
        voucher = None
    discount_cents = max(group_cents, voucher_cents)
    total_cents = gross_cents - discount_cents
    if total_cents > 0 and not form.card_token.data:
        form.card_token.errors = ["Give a card: there is something to pay."]
        return give_up(422)

    order = Order(
        reference=_new_reference(),
        secret=secrets.token_urlsafe(),
        checkout_id=form.checkout_id.data,
        event=event,
        name=form.name.data,
        email=form.email.data,
        quantity=quantity,
        total_cents=total_cents,
        discount_cents=discount_cents,
        voucher=voucher,
        offer=offer,
        status=OrderStatus.PENDING,
        created_at=now,
        hold_until=now + hold,
    )
    if offer is not None:
        offer.status = WaitlistStatus.TAKEN
    db.session.add(order)
    try:
        db.session.commit()
    except IntegrityError:
        # The same form, sent for another event at the same moment.
        db.session.rollback()
        existing_order = _order_of(form.checkout_id.data)
        if existing_order is None:
            raise
        return repeated(existing_order)

    if order.total_cents == 0:
        mark_succeeded(order, None)
        return _to_order(order)

    status, body = ask_gateway(
        "POST",
        "/v1/charges",
        key=f"{order.reference}-1",
        json={
            "amount": order.total_cents,
            "currency": "EUR",
            "source": form.card_token.data,
            "reference": order.reference,
        },
    )
    charge_id = charge_id_of(order, body)
    match status, body:
        case 201, _ if charge_id is not None:
            mark_succeeded(order, charge_id)
        case 402, {"error": {"message": str(reason)}}:
            mark_failed(order)
            # Where the webhook has said otherwise meanwhile, the order is paid.
            db.session.refresh(order)
            if order.status == OrderStatus.DECLINED:
                return again(402, f"The card was declined: {reason_to_show(reason)}")
        case _:
            # The charge may stand or not. The order keeps its seats until that is known.
            why = no_answer(status, body)
            current_app.logger.error("No answer on %s: %s", order.reference, why)
            return render_template("orders/held.html", order=order), 503
    return _to_order(order)


def mark_succeeded(order: Order, charge_id: str | None) -> None:
    """Make an order paid whose charge has succeeded, and send the tickets.

    Where its seats are gone, the money goes back instead. This view, the webhook and the job all
    call it: the second call changes nothing. Commits.
    """
    order.lock()
    now = utc_now()
    if order.is_settled:
        db.session.rollback()
        return

    if order.can_be_paid(now):
        order.pay(charge_id, [secrets.token_urlsafe() for _ in range(order.quantity)], now)
        db.session.commit()
        send_confirmation(order, claimed_at=now)
    else:
        if order.status == OrderStatus.PENDING:
            order.move_to(OrderStatus.EXPIRED)
        order.charge_id = charge_id
        order.mark_refund_due(order.total_cents)
        db.session.commit()
        if order.refund_state == RefundState.DUE:
            refund(order)
            send_refund_notice(order)


def mark_failed(order: Order) -> None:
    """Let a pending order go whose charge has failed; a late failure changes nothing. Commits."""
    order.lock()
    if order.status != OrderStatus.PENDING:
        db.session.rollback()
        return
    order.decline(utc_now())
    db.session.commit()
    serve_waitlist(order.event)


def _offer_for_event(event: Event, token: str) -> WaitlistEntry | None:
    return db.session.scalar(
        select(WaitlistEntry).where(
            WaitlistEntry.token == token, WaitlistEntry.event_id == event.id
        )
    )


def _order_of(checkout_id: str | None) -> Order | None:
    return db.session.scalar(select(Order).where(Order.checkout_id == checkout_id))


def _to_order(order: Order) -> ResponseReturnValue:
    # The rollback gives back a lock that may be held; it also forgets what was read.
    address = url_for("orders.show", reference=order.reference, secret=order.secret)
    db.session.rollback()
    return redirect(address, 303)


def _new_reference() -> str:
    """Return a reference that no order has yet."""
    while True:
        letters = (secrets.choice(REFERENCE_LETTERS) for _ in range(REFERENCE_LENGTH))
        reference = "".join(letters)
        if db.session.scalar(select(Order.id).where(Order.reference == reference)) is None:
            return reference


def _event_page_again(event: Event, form: CheckoutForm, template: str, problem: str | None) -> str:
    offer = _offer_for_event(event, form.offer.data) if form.offer.data else None
    if offer is not None and not offer.offer_stands(utc_now()):
        offer = None
    return event_page(event, form=form, offer=offer, problem=problem, template=template)
