"""The user's credentials in Flask's session: one user's, one blueprint's, and not readable."""

import re

import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from after_service_layer.gateways.credentials import SessionCredentials
from after_service_layer.services.interfaces import Credentials

behaviour = pytest.mark.behaviour

LASTING = Credentials("lasting", "lasting secret", temporary=False)


@pytest.fixture
def stores():
    """The stores of two blueprints. All requests of a test use the same two objects."""
    return {name: SessionCredentials(name, secret_key="any") for name in ("press", "fans")}


@pytest.fixture
def site(stores):
    """A site with an address for each step: /press/keep, /press/show, /press/drop …"""
    app = Flask(__name__)
    app.secret_key = "any"

    @app.get("/<name>/keep")
    def keep(name):
        stores[name].keep(LASTING)
        return ""

    @app.get("/<name>/show")
    def show(name):
        return "" if stores[name].read() is None else stores[name].read().token

    @app.get("/<name>/drop")
    def drop(name):
        stores[name].drop()
        return ""

    return app


def token_of(visitor, name="press"):
    return visitor.get(f"/{name}/show").text


@behaviour("share.visitors")
def test_the_credentials_of_one_blueprint_are_not_those_of_another(site):
    visitor = site.test_client()

    visitor.get("/press/keep")

    assert (token_of(visitor, "press"), token_of(visitor, "fans")) == ("lasting", "")


@behaviour("share.visitors")
def test_to_drop_those_of_one_blueprint_leaves_those_of_another(site):
    visitor = site.test_client()
    visitor.get("/press/keep")
    visitor.get("/fans/keep")

    visitor.get("/press/drop")

    assert (token_of(visitor, "press"), token_of(visitor, "fans")) == ("", "lasting")


@behaviour("share.visitors")
def test_the_credentials_of_one_visitor_are_not_those_of_another(site):
    ada, bruno = site.test_client(), site.test_client()

    ada.get("/press/keep")

    assert (token_of(ada), token_of(bruno)) == ("lasting", "")


@behaviour("share.visitors")
def test_one_visitor_does_not_disconnect_another(site):
    # In one application context there is one object for both.
    with site.app_context():
        ada, bruno = site.test_client(), site.test_client()
        ada.get("/press/keep")
        bruno.get("/press/keep")

        ada.get("/press/drop")

        assert (token_of(ada), token_of(bruno)) == ("", "lasting")


@behaviour("oauth1.outside")
@behaviour("share.visitors")
def test_what_is_kept_outside_a_request_is_not_seen_inside(site, stores):
    stores["press"].keep(LASTING)

    assert token_of(site.test_client()) == ""
    assert stores["press"].read() == LASTING
    assert stores["fans"].read() is None


@behaviour("oauth1.outside")
@behaviour("share.visitors")
def test_what_is_kept_inside_a_request_is_not_seen_outside(site, stores):
    visitor = site.test_client()

    visitor.get("/press/keep")

    assert token_of(visitor) == "lasting"
    assert stores["press"].read() is None


@behaviour("share.cookie")
def test_token_secrets_are_not_readable_in_the_cookie(site):
    visitor = site.test_client()
    visitor.get("/press/keep")

    # A signed cookie can be read without the key.
    cookie = visitor.get_cookie("session").value
    _, facts = URLSafeTimedSerializer("no key").loads_unsafe(cookie)

    assert re.fullmatch(r"\{'oauth1.press': '[\w=-]+'\}", str(facts))
    assert "lasting" not in str(facts)


@behaviour("share.cookie")
@pytest.mark.parametrize(("key", "kept"), [("of now", LASTING), ("of before", None)])
def test_what_was_sealed_under_another_secret_key_counts_as_nothing(site, key, kept):
    with site.test_request_context():
        SessionCredentials("press", secret_key=key).keep(LASTING)

        assert SessionCredentials("press", secret_key="of now").read() == kept
