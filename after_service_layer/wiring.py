"""The one place where everything is put together: here services meet Flask and its settings.

One function makes each service. It takes the name of the blueprint that the service is for, and
the settings that `SERVICES` may have. `locator.get(X, blueprint)` returns the X of that blueprint.
"""

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from inspect import signature
from typing import Any

from flask import Flask, current_app, render_template

from .database import db
from .gateways.credentials import SessionCredentials
from .gateways.mail import SmtpMailer
from .gateways.network import OAuth1Network
from .gateways.payments import HttpPayments
from .locator import ContextLocator
from .service_settings import path_of, read_services
from .services.base import Service
from .services.cancellation import Cancellation
from .services.checkout import Checkout
from .services.event_management import EventManagement
from .services.maintenance import Expiry, Reconciliation, Reminders
from .services.notifications import Notifications
from .services.oauth1 import OAuth1Service
from .services.refunds import Refunds
from .services.settlement import Settlement
from .services.waiting_list import WaitingList
from .support.clock import utc_now

log = logging.getLogger(__name__)


def default_services(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return which blueprint uses which service, and with which settings of its own.

    An installation lays its own `SERVICES` over it, entry by entry.
    """
    network = config["SHARE_URL"], config["SHARE_CLIENT_KEY"], config["SHARE_CLIENT_SECRET"]
    return {
        "checkout": {"Checkout": {"hold_minutes": 30}},
        # Groups come here, and the form is filled in at once: no seats need be held for long.
        "box_office": {"Checkout": {"hold_minutes": 10, "max_per_order": 50}},
        "orders": {"Cancellation": {}},
        "waitlist": {"WaitingList": {}},
        "share": {"OAuth1Service": (network, {})},
        "webhooks": {"Settlement": {}},
        "organiser": {"EventManagement": {}},
        "jobs": {"Expiry": {}, "Reminders": {}, "Reconciliation": {}},
    }


def http_payments() -> HttpPayments:
    config = current_app.config
    return HttpPayments(
        url=config["PAYMENTS_URL"],
        api_key=config["PAYMENTS_API_KEY"],
        timeout=config["PAYMENTS_TIMEOUT"],
    )


def smtp_mailer() -> SmtpMailer:
    config = current_app.config
    return SmtpMailer(
        host=config["MAIL_HOST"],
        port=config["MAIL_PORT"],
        sender=config["MAIL_SENDER"],
        render=render_template,
    )


def make_notifications(blueprint: str) -> Notifications:
    return Notifications(db.session(), mailer=smtp_mailer(), clock=utc_now)


def make_refunds(blueprint: str) -> Refunds:
    return Refunds(db.session(), payments=http_payments())


def make_waiting_list(blueprint: str) -> WaitingList:
    return WaitingList(
        db.session(),
        notifications=locator.get(Notifications, blueprint),
        clock=utc_now,
        new_secret=secrets.token_urlsafe,
    )


def make_settlement(blueprint: str) -> Settlement:
    return Settlement(
        db.session(),
        refunds=locator.get(Refunds, blueprint),
        notifications=locator.get(Notifications, blueprint),
        waiting_list=locator.get(WaitingList, blueprint),
        clock=utc_now,
        new_secret=secrets.token_urlsafe,
    )


def make_checkout(
    blueprint: str, *, hold_minutes: int = 30, max_per_order: int | None = None
) -> Checkout:
    return Checkout(
        db.session(),
        payments=http_payments(),
        settlement=locator.get(Settlement, blueprint),
        clock=utc_now,
        new_secret=secrets.token_urlsafe,
        choose=secrets.choice,
        hold_minutes=hold_minutes,
        max_per_order=max_per_order,
    )


def make_cancellation(blueprint: str) -> Cancellation:
    return Cancellation(
        db.session(),
        refunds=locator.get(Refunds, blueprint),
        waiting_list=locator.get(WaitingList, blueprint),
        clock=utc_now,
    )


def make_expiry(blueprint: str) -> Expiry:
    return Expiry(db.session(), waiting_list=locator.get(WaitingList, blueprint), clock=utc_now)


def make_reminders(blueprint: str) -> Reminders:
    return Reminders(
        db.session(), notifications=locator.get(Notifications, blueprint), clock=utc_now
    )


def make_reconciliation(blueprint: str) -> Reconciliation:
    return Reconciliation(
        db.session(),
        payments=http_payments(),
        settlement=locator.get(Settlement, blueprint),
        refunds=locator.get(Refunds, blueprint),
        notifications=locator.get(Notifications, blueprint),
        clock=utc_now,
    )


def make_oauth1_service(
    blueprint: str,
    endpoint: str,
    client_key: str,
    client_secret: str,
    *,
    post_path: str = "/statuses",
) -> OAuth1Service:
    network = OAuth1Network(endpoint, client_key, client_secret, timeout=5, post_path=post_path)
    credentials = SessionCredentials(blueprint, secret_key=current_app.config["SECRET_KEY"])
    return OAuth1Service(provider=network, credentials=credentials)


def make_event_management(blueprint: str) -> EventManagement:
    return EventManagement(
        db.session(), waiting_list=locator.get(WaitingList, blueprint), clock=utc_now
    )


# A service stands below those that it depends on: a wrong setting is then reported for the
# service that has it.
FACTORIES: dict[type[Service], Callable[..., Service]] = {
    Notifications: make_notifications,
    Refunds: make_refunds,
    WaitingList: make_waiting_list,
    Settlement: make_settlement,
    Checkout: make_checkout,
    Cancellation: make_cancellation,
    Expiry: make_expiry,
    Reminders: make_reminders,
    Reconciliation: make_reconciliation,
    EventManagement: make_event_management,
    OAuth1Service: make_oauth1_service,
}
locator = Service.locator = ContextLocator(FACTORIES)
override = locator.override


def wire_services(app: Flask) -> None:
    """Configure the services of an app; stop the program with one sentence if that cannot be."""
    configured = read_services(app.config, default_services(app.config))
    locator.init_app(app, configured)
    with app.app_context():
        for kind in FACTORIES:
            for blueprint, name in configured:
                if name == kind.__name__:
                    check_settings(kind, blueprint, *configured[blueprint, name])
    known = {kind.__name__ for kind in kinds_of(Service)}
    for blueprint, name in configured:
        if name not in known:
            log.warning("%s: there is no service of this name.", path_of(blueprint, name))


def check_settings(
    kind: type[Service], blueprint: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Make a service once, so that a wrong setting stops the program now, and not at a sale."""
    settings = signature(partial(FACTORIES[kind], blueprint))
    try:
        settings.bind(*args, **kwargs)
        locator.get(kind, blueprint)
    except (TypeError, ValueError) as error:
        raise SystemExit(
            f"{path_of(blueprint, kind.__name__)}: {str(error).rstrip('.')}."
            f" Settings of {kind.__name__}: {', '.join(settings.parameters) or 'none'}."
        ) from None


def kinds_of(kind: type[Service]) -> Iterator[type[Service]]:
    """Yield all classes that are a kind of this one."""
    for direct in kind.__subclasses__():
        yield direct
        yield from kinds_of(direct)
