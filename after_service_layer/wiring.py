"""The one place where everything is put together: here services meet Flask and its settings."""

import secrets

from flask import current_app, render_template

from .clock import utc_now
from .database import db
from .gateways.mail import SmtpMailer
from .gateways.payments import HttpPayments
from .services.cancellation import Cancellation
from .services.checkout import Checkout


def checkout() -> Checkout:
    """Return the checkout of the current application context."""
    return Checkout(
        db.session(),
        payments=_payments(),
        mailer=_mailer(),
        clock=utc_now,
        new_secret=secrets.token_urlsafe,
        choose=secrets.choice,
    )


def cancellation() -> Cancellation:
    """Return the cancellation of the current application context."""
    return Cancellation(db.session(), payments=_payments(), clock=utc_now)


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
