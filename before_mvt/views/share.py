"""Telling one's friends: a post to a social network, over OAuth 1 (RFC 5849)."""

import hmac
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin

import requests
from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from requests_oauthlib import OAuth1

from ..database import db
from ..models import Order, OrderStatus
from ..support.clock import utc_text
from ..support.sealing import seal, unseal
from .auth import local_path
from .orders import order_or_404

bp = Blueprint("share", __name__, url_prefix="/share")

KEPT = "oauth1.share"
TIMEOUT_SECONDS = 5
# With more, browsers would drop the cookie without a word.
LARGEST_CREDENTIALS = 1000


@bp.get("/<reference>/<secret>")
def show(reference: str, secret: str) -> ResponseReturnValue:
    order = _order_to_share(reference, secret)
    return _share_page(order, _share_text(order))


@bp.get("/authorize")
def authorize() -> ResponseReturnValue:
    session["share.next"] = local_path(request.args.get("next", ""))
    callback = url_for("share.authorized", _external=True)
    answer = _fetch_credentials("request_token", _signer(callback_uri=callback))
    # Before its revision A, OAuth 1.0 had no verifier: the person who began could have it allowed
    # by another. https://oauth.net/advisories/2009-1/
    if answer.get("oauth_callback_confirmed") != "true":
        abort(502, "The network gives no clear answer: try again later.")

    _keep(answer, temporary=True)
    return redirect(f"{_address('authorize')}?oauth_token={quote(answer['oauth_token'])}", 303)


@bp.get("/authorized")
def authorized() -> ResponseReturnValue:
    kept = _kept()
    token = request.args.get("oauth_token", "")
    # A link may have sent the visitor here with an answer that is another person's.
    if (
        kept is None
        or not kept["temporary"]
        or not hmac.compare_digest(token.encode(), kept["token"].encode())
    ):
        abort(400, "This answer belongs to no connection that was begun here: begin again.")
    verifier = request.args.get("oauth_verifier")
    if not verifier:
        _forget()
        abort(403, "You did not allow the shop to post in your name.")

    answer = _fetch_credentials("access_token", _signer(kept, verifier=verifier))
    _keep(answer, temporary=False)
    flash("Your account is connected.")
    return redirect(session.pop("share.next", None) or url_for("catalogue.index"), 303)


@bp.post("/<reference>/<secret>")
def post(reference: str, secret: str) -> ResponseReturnValue:
    order = _order_to_share(reference, secret)
    kept = _kept()
    if kept is None or kept["temporary"]:
        return _share_page(order, _share_text(order), "Connect your account first."), 409

    text = _share_text(order)
    # No connection to the database is held while another site is asked.
    db.session.rollback()
    status, _ = _ask(_address("/statuses"), _signer(kept), {"status": text})
    match status:
        case 200 | 201:
            flash("Your post is out.")
            return redirect(url_for("share.show", reference=reference, secret=secret), 303)
        case 401:
            _forget()
            problem = "The network no longer accepts the connection: connect your account again."
            return _share_page(order, text, problem), 403
        case int() if 400 <= status < 500:
            return _share_page(order, text, "The network has refused this post."), 403
        case _:
            problem = "The network gives no clear answer: look there before you post again."
            return _share_page(order, text, problem), 502


@bp.post("/disconnect")
def disconnect() -> ResponseReturnValue:
    _forget()
    flash("Your account is disconnected.")
    return redirect(local_path(request.form.get("next", "")) or url_for("catalogue.index"), 303)


def _order_to_share(reference: str, secret: str) -> Order:
    order = order_or_404(reference, secret)
    if order.status != OrderStatus.PAID:
        abort(409, f"Only a paid order can be shared; this one is {order.status}.")
    return order


def _share_text(order: Order) -> str:
    event = order.event
    address = url_for("catalogue.show", slug=event.slug, _external=True)
    return f"I am going to {event.title} at {event.venue}, {utc_text(event.starts_at)}. {address}"


def _share_page(order: Order, text: str, problem: str | None = None) -> str:
    kept = _kept()
    return render_template(
        "share/show.html",
        order=order,
        text=text,
        connected=kept is not None and not kept["temporary"],
        problem=problem,
    )


def _fetch_credentials(path: str, signer: OAuth1) -> dict[str, str]:
    """Return what the network gives out at this path; end the request where it gives nothing.

    What was kept until now is dropped in any case: it cannot be used a second time.
    """
    _forget()
    status, text = _ask(_address(path), signer)
    if status is not None and 400 <= status < 500:
        abort(403, "The network has refused: begin again.")
    answer = dict(parse_qsl(text))
    token, secret = answer.get("oauth_token"), answer.get("oauth_token_secret")
    is_whole = text.isascii() and token is not None and secret is not None
    # In a cookie, a letter that is not ASCII takes up to ten.
    size = len(f"{token}{secret}".encode("ascii", "backslashreplace"))
    if status != 200 or not is_whole or size > LARGEST_CREDENTIALS:
        abort(502, "The network gives no clear answer: try again later.")
    return answer


def _ask(
    address: str, signer: OAuth1, fields: dict[str, str] | None = None
) -> tuple[int | None, str]:
    """Return status and text of the network's answer; None, and why, where there is none."""
    try:
        answer = requests.post(
            address, fields, auth=signer, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except Exception as error:
        kind = type(error).__name__
        current_app.logger.error("No answer of %s: %s: %s", address, kind, error)
        return None, ""
    if answer.status_code not in (200, 201):
        current_app.logger.error("%s answers %s.", address, answer.status_code)
    return answer.status_code, answer.content.decode(errors="replace")


def _address(path: str) -> str:
    # Without the slash, the last part of the address would be replaced.
    return urljoin(f"{current_app.config['SHARE_URL'].rstrip('/')}/", path)


def _signer(kept: dict[str, Any] | None = None, **options: str) -> OAuth1:
    """Return what signs a request for the shop, and for the visitor whose credentials they are."""
    config = current_app.config
    if kept is not None:
        options |= {
            "resource_owner_key": kept["token"],
            "resource_owner_secret": kept["secret"],
        }
    return OAuth1(config["SHARE_CLIENT_KEY"], config["SHARE_CLIENT_SECRET"], **options)


def _kept() -> dict[str, Any] | None:
    """Return the visitor's credentials: temporary ones, or for access."""
    return unseal(session.get(KEPT, ""), current_app.config["SECRET_KEY"])


def _keep(answer: dict[str, str], *, temporary: bool) -> None:
    credentials = {
        "token": answer["oauth_token"],
        "secret": answer["oauth_token_secret"],
        "temporary": temporary,
    }
    session[KEPT] = seal(credentials, current_app.config["SECRET_KEY"])


def _forget() -> None:
    session.pop(KEPT, None)
