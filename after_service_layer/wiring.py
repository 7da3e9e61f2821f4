"""The one place where everything is put together: here services meet Flask and its settings."""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, current_app, render_template

from .database import db
from .gateways.credentials import SessionCredentials
from .gateways.mail import SmtpMailer
from .gateways.network import SignedHttp
from .gateways.payments import HttpPayments
from .locator import ContextLocator, Sibling
from .services.base import Service
from .services.notifications import Notifications
from .services.refunds import Refunds
from .services.settlement import Settlement
from .services.waiting_list import WaitingList
from .support.clock import utc_now


def default_services(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return which blueprint uses which service, and with which settings of its own.

    An installation lays its own `SERVICES` over it, entry by entry.
    """
    network = config["SHARE_URL"], config["SHARE_CLIENT_KEY"], config["SHARE_CLIENT_SECRET"]
    return {
        "checkout": {"Checkout": {"hold_minutes": 30}},
        # Groups come here, and nobody types for half an hour while others queue.
        "box_office": {"Checkout": {"hold_minutes": 10, "max_per_order": 50}},
        "orders": {"Cancellation": {}},
        "waitlist": {"WaitingList": {}},
        "share": {"OAuth1Service": (network, {})},
        "webhooks": {"Settlement": {}},
        "organiser": {"WaitingList": {}},
        "jobs": {"Expiry": {}, "Notifications": {}, "Reconciliation": {}, "WaitingList": {}},
    }


def collaborators(blueprint: str, sibling: Sibling) -> dict[str, Callable[[], Any]]:
    """Return where a service gets what its constructor asks for, by the parameter's name.

    What stands here is called when a constructor has a parameter of its name. `sibling(X)` is
    the X of the same blueprint.
    """
    config = current_app.config
    return {
        "session": lambda: db.session(),
        "clock": lambda: utc_now,
        "new_secret": lambda: secrets.token_urlsafe,
        "choose": lambda: secrets.choice,
        "payments": lambda: HttpPayments(
            url=config["PAYMENTS_URL"],
            api_key=config["PAYMENTS_API_KEY"],
            timeout=config["PAYMENTS_TIMEOUT"],
        ),
        "mailer": lambda: SmtpMailer(
            host=config["MAIL_HOST"],
            port=config["MAIL_PORT"],
            sender=config["MAIL_SENDER"],
            render=render_template,
        ),
        "http": lambda: SignedHttp(timeout=5),
        "credentials": lambda: SessionCredentials(blueprint, secret_key=config["SECRET_KEY"]),
        "refunds": lambda: sibling(Refunds),
        "notifications": lambda: sibling(Notifications),
        "settlement": lambda: sibling(Settlement),
        "waiting_list": lambda: sibling(WaitingList),
    }


locator = Service.locator = ContextLocator(collaborators)
override = locator.override


def wire_services(app: Flask) -> None:
    """Configure the services of an app; stop the program with one sentence if that cannot be."""
    locator.init_app(app, default_services(app.config))
