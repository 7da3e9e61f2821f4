"""The social network: takes posts that an application signs with OAuth 1 (RFC 5849).

An application asks for temporary credentials and sends the person here. A person who allows it is
sent back with a verifier, with which the application swaps its temporary credentials for access.
It signs each post with that, until the person revokes it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, NoReturn

from flask import Flask, Response, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from oauthlib.common import add_params_to_uri
from oauthlib.oauth1 import WebApplicationServer
from werkzeug.exceptions import HTTPException
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as AnyResponse

from .credentials import OUT_OF_BAND, Asking, Network, Post
from .gateway import Outage, Refused, answer_refusal
from .server import serving

LONGEST_NAME, LONGEST_POST = 50, 500
CAN_FAIL = ("/oauth/request_token", "/oauth/access_token", "/statuses")

# A page that could show this one in a frame could also get people to click "Allow" unseen.
# There is no form-action: browsers would block the redirect back to the application.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
)


class Views:
    """The network's HTTP side. One lock: each request is checked and answered in one go."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._server = WebApplicationServer(network)
        self._lock = Lock()
        self.outage = Outage()

    def guard(self) -> tuple[str, int] | None:
        """Before each request: refuse the forms of other sites; answer an ordered failure."""
        origin = request.host_url.rstrip("/")
        if request.method == "POST" and request.headers.get("Origin", origin) != origin:
            abort(403, "This form was sent by another site.")
        return self.outage.next_answer() if request.path in CAN_FAIL else None

    def request_token(self) -> Response:
        """POST /oauth/request_token: temporary credentials."""
        return self._give(self._server.create_request_token_response)

    def access_token(self) -> Response:
        """POST /oauth/access_token: access, for temporary credentials and their verifier."""
        return self._give(self._server.create_access_token_response)

    def _give(self, create: Callable[..., tuple[dict[str, str], str | None, int]]) -> Response:
        arrived = read_request()
        with self._lock, refusing_the_unreadable():
            headers, body, status = create(**arrived)
        return Response(body, status, headers) if body else refuse()

    def ask(self) -> ResponseReturnValue:
        """GET /oauth/authorize?oauth_token=…: ask the person."""
        token = request.args.get("oauth_token", "")
        with self._lock:
            asking = self._network.find_asking(token)
        return authorize_page(token, asking)

    def answer_of_user(self) -> ResponseReturnValue:
        """POST /oauth/authorize: take the person's answer back to the application."""
        token = request.form.get("oauth_token", "")
        user = request.form.get("name", "").strip()
        with self._lock:
            asking = self._network.find_asking(token)
            if asking is None:
                return authorize_page(token, None)
            if request.form.get("answer") != "allow":
                del self._network.asking[token]
                if asking.callback == OUT_OF_BAND:
                    return authorize_page(token, None)
                refusal = {"oauth_token": token, "oauth_problem": "user_refused"}
                return redirect(add_params_to_uri(asking.callback, refusal), 303)
            if not 1 <= len(user) <= LONGEST_NAME:
                return authorize_page(token, asking, f"A name has 1 to {LONGEST_NAME} letters.")
            asking.user = user
            address = add_params_to_uri(request.base_url, {"oauth_token": token})
            headers, _, _ = self._server.create_authorization_response(address)
        if asking.callback == OUT_OF_BAND:
            return render_template("authorize.html", verifier=asking.verifier)
        return redirect(headers["Location"], 303)

    def post_status(self) -> tuple[dict[str, Any], int]:
        """POST /statuses: a signed post, form field `status`."""
        arrived = read_request()
        with self._lock, refusing_the_unreadable():
            good, signed = self._server.validate_protected_resource_request(**arrived)
            if not good:
                refuse()
            # Not `request.form`: it would also have fields that the signature does not cover.
            status = dict(signed.decoded_body or []).get("status", "")
            if not status.strip() or len(status) > LONGEST_POST:
                abort(422, f"status: 1 to {LONGEST_POST} letters are needed.")
            post = self._network.post(signed.resource_owner_key, status)
        return {"id": post.id, "user": post.user, "status": post.status}, 201

    def revoke(self) -> AnyResponse:
        """POST /sandbox/revoke: form field `number`."""
        number = request.form.get("number", "")
        with self._lock:
            self._network.revoke(number)
        return redirect("/", 303)

    def posts(self) -> list[Post]:
        """Return all posts, oldest first."""
        with self._lock:
            return self._network.posts.copy()

    def page(self) -> str:
        """GET /: what was posted, and who may post, for people."""
        with self._lock:
            connections = list(self._network.connections.values())
        return render_template(
            "social.html",
            posts=self.posts()[::-1],
            connections=connections[::-1],
            address=request.host_url,
        )


def read_request() -> dict[str, Any]:
    """Return the request as oauthlib takes it."""
    return {
        "uri": iri_to_uri(request.url),
        "http_method": request.method,
        "body": request.get_data(),
        "headers": dict(request.headers),
    }


@contextmanager
def refusing_the_unreadable() -> Iterator[None]:
    """Answer 400 where oauthlib cannot read the request: it raises ValueError then."""
    try:
        yield
    except ValueError:
        abort(400, "This is no request that can be read as OAuth 1.")


def refuse() -> NoReturn:
    """Answer 401, and do not say which of the reasons it is."""
    abort(
        401,
        "Refused: client or token unknown, signature or verifier wrong, or a request that is"
        " old or was sent before.",
    )


def authorize_page(
    token: str, asking: Asking | None, problem: str | None = None
) -> tuple[str, int]:
    """Return the page that asks the person; without `asking` it says that it is too late."""
    page = render_template("authorize.html", token=token, asking=asking, problem=problem)
    return page, 400 if asking is None else 422 if problem else 200


def set_headers(response: Response) -> Response:
    """Keep pages out of frames and caches, and say what is missing."""
    response.headers["Content-Security-Policy"] = CONTENT_POLICY
    response.headers["Cache-Control"] = "no-store"
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = 'OAuth realm="social"'
    return response


def answer_http_error(error: HTTPException) -> AnyResponse:
    """Answer a refusal as a line of text."""
    response = error.get_response(request.environ)
    response.data = f"{error.description}\n"
    response.content_type = "text/plain; charset=utf-8"
    return response


def create_social(views: Views) -> Flask:
    """Return the network as a WSGI app."""
    app = Flask(__name__, static_folder=None)
    app.before_request(views.guard)
    app.after_request(set_headers)
    app.post("/oauth/request_token")(views.request_token)
    app.get("/oauth/authorize")(views.ask)
    app.post("/oauth/authorize")(views.answer_of_user)
    app.post("/oauth/access_token")(views.access_token)
    app.post("/statuses")(views.post_status)
    app.post("/sandbox/fail")(views.outage.order)
    app.post("/sandbox/revoke")(views.revoke)
    app.get("/")(views.page)
    app.register_error_handler(Refused, answer_refusal)
    app.register_error_handler(HTTPException, answer_http_error)
    return app


@dataclass(frozen=True, kw_only=True)
class Social:
    """Where a running network is, and what was posted there, oldest first."""

    url: str
    posts: Callable[[], list[Post]]


@contextmanager
def running_social(
    *, client_key: str, client_secret: str, listener: socket.socket | None = None
) -> Iterator[Social]:
    """Run an empty network until the block ends; on any free port without a listener.

    It has one application, with this key and secret.
    """
    views = Views(Network(client_key, client_secret))
    with serving(create_social(views), listener) as url:
        yield Social(url=url, posts=views.posts)
