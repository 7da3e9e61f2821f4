"""Buying tickets."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from ..database import db
from ..forms import CheckoutForm
from ..models import Event
from ..services.catalogue import find_event
from ..services.checkout import Checkout, Purchase
from ..services.errors import AlreadyPlaced, DomainError, PaymentPending
from ..services.waiting_list import offer_for_event
from ..support.clock import utc_now
from .catalogue import event_page
from .error_responses import add_form_error, status_of

bp = Blueprint("checkout", __name__)


@bp.post("/events/<slug>/checkout")
def place(slug: str) -> ResponseReturnValue:
    return sell(find_event(db.session(), slug), "catalogue/event.html")


def sell(event: Event, template: str) -> ResponseReturnValue:
    """Answer a checkout form, with the service of the blueprint that it was sent to.

    The answer leads to the order, or is the page of this template with the form again.
    """
    checkout = Checkout.from_context()
    form = CheckoutForm(checkout.max_quantity(event))
    try:
        # That a form was sent before, or comes too late, counts for more than what is wrong in it.
        checkout.begin(event, form.checkout_id.data, form.email.data)
        if not form.validate():
            return _form_again(event, form, template), 422
        order = checkout.place(event, _purchase(form))
    except AlreadyPlaced as earlier:
        order = earlier.order
    except PaymentPending as error:
        return render_template("orders/held.html", order=error.order), status_of(error)
    except DomainError as error:
        problem = add_form_error(form, error)
        return _form_again(event, form, template, problem), status_of(error)
    return redirect(url_for("orders.show", reference=order.reference, secret=order.secret), 303)


def _purchase(form: CheckoutForm) -> Purchase:
    return Purchase(
        checkout_id=form.checkout_id.data,
        name=form.name.data,
        email=form.email.data,
        quantity=form.quantity.data,
        voucher_code=form.voucher.data,
        card_token=form.card_token.data,
        offer_token=form.offer.data or "",
    )


def _form_again(
    event: Event, form: CheckoutForm, template: str, problem: str | None = None
) -> str:
    """Return the page with the form as it was typed, ready to be sent again."""
    form.renew()
    offer = offer_for_event(db.session(), event, form.offer.data) if form.offer.data else None
    if offer is not None and not offer.offer_stands(utc_now()):
        offer = None
    return event_page(event, form=form, offer=offer, problem=problem, template=template)
