"""The one place where everything is put together: here services meet Flask and its settings.

Each function returns a service of the current application context, with its database session.
"""

import secrets

from flask import current_app, render_template

from .clock import utc_now
from .database import db
from .gateways.mail import SmtpMailer
from .gateways.payments import HttpPayments
from .services.cancellation import Cancellation
from .services.checkout import Checkout
from .services.notices import Notices
from .services.refunds import Refunds
from .services.settlement import Settlement
from .services.upkeep import Reconciliation
from .services.waiting_list import WaitingList


def checkout() -> Checkout:
    return Checkout(
        db.session(),
        payments=_payments(),
        settlement=settlement(),
        clock=utc_now,
        new_secret=secrets.token_urlsafe,
        choose=secrets.choice,
    )


def cancellation() -> Cancellation:
    return Cancellation(
        db.session(), refunds=_refunds(), waiting_list=waiting_list(), clock=utc_now
    )


def settlement() -> Settlement:
    return Settlement(
        db.session(),
        refunds=_refunds(),
        notices=notices(),
        waiting_list=waiting_list(),
        clock=utc_now,
        new_secret=secrets.token_urlsafe,
    )


def waiting_list() -> WaitingList:
    return WaitingList(
        db.session(), notices=notices(), clock=utc_now, new_secret=secrets.token_urlsafe
    )


def reconciliation() -> Reconciliation:
    return Reconciliation(
        db.session(),
        payments=_payments(),
        settlement=settlement(),
        refunds=_refunds(),
        notices=notices(),
        clock=utc_now,
    )


def notices() -> Notices:
    return Notices(db.session(), mailer=_mailer(), clock=utc_now)


def _refunds() -> Refunds:
    return Refunds(db.session(), payments=_payments())


def _payments() -> HttpPayments:
    config = current_app.config
    return HttpPayments(
        url=config["PAYMENTS_URL"],
        api_key=config["PAYMENTS_API_KEY"],
        timeout=config["PAYMENTS_TIMEOUT"],
    )


def _mailer() -> SmtpMailer:
    config = current_app.config
    return SmtpMailer(
        host=config["MAIL_HOST"],
        port=config["MAIL_PORT"],
        sender=config["MAIL_SENDER"],
        render=render_template,
    )
