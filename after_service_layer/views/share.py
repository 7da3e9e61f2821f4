"""Telling one's friends: a post to a social network."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from ..database import db
from ..models import Order
from ..services.errors import DomainError
from ..services.oauth1 import OAuth1Service
from ..services.orders import find_order
from ..services.sharing import share_text
from .auth import local_path
from .error_responses import sentence_of, status_of

bp = Blueprint("share", __name__, url_prefix="/share")


@bp.get("/<reference>/<secret>")
def show(reference: str, secret: str) -> ResponseReturnValue:
    order = find_order(db.session(), reference, secret)
    return _share_page(order, _share_text(order))


@bp.get("/authorize")
def authorize() -> ResponseReturnValue:
    session["share.next"] = local_path(request.args.get("next", ""))
    callback = url_for("share.authorized", _external=True)
    return redirect(OAuth1Service.from_context().authorization_url(callback), 303)


@bp.get("/authorized")
def authorized() -> ResponseReturnValue:
    OAuth1Service.from_context().verify(
        request.args.get("oauth_verifier", ""), token=request.args.get("oauth_token", "")
    )
    flash("Your account is connected.")
    return redirect(session.pop("share.next", None) or url_for("catalogue.index"), 303)


@bp.post("/<reference>/<secret>")
def post(reference: str, secret: str) -> ResponseReturnValue:
    order = find_order(db.session(), reference, secret)
    text = _share_text(order)
    # No connection to the database is held while another site is asked.
    db.session.rollback()
    try:
        OAuth1Service.from_context().post(text)
    except DomainError as error:
        return _share_page(order, text, sentence_of(error)), status_of(error)
    flash("Your post is out.")
    return redirect(url_for("share.show", reference=reference, secret=secret), 303)


@bp.post("/disconnect")
def disconnect() -> ResponseReturnValue:
    OAuth1Service.from_context().forget()
    flash("Your account is disconnected.")
    return redirect(local_path(request.form.get("next", "")) or url_for("catalogue.index"), 303)


def _share_text(order: Order) -> str:
    slug = order.event.slug
    return share_text(order, address=url_for("catalogue.show", slug=slug, _external=True))


def _share_page(order: Order, text: str, problem: str | None = None) -> str:
    connected = OAuth1Service.from_context().authorized
    return render_template(
        "share/show.html", order=order, text=text, connected=connected, problem=problem
    )
