"""The application factory."""

from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_wtf import CSRFProtect

from .commands import register_commands
from .database import db
from .services.cancellation import REFUND_LADDER
from .services.errors import DomainError
from .services.pricing import GROUP_FROM, GROUP_PERCENT
from .services.waiting_list import OFFER_HOLDS
from .support.clock import duration_text, utc_text
from .support.config import load_config
from .support.error_pages import register_error_pages
from .support.links import mail_link
from .support.logs import mask_keys_in_logs
from .support.money import VAT_PERCENT, euros
from .views import (
    auth,
    box_office,
    catalogue,
    checkout,
    orders,
    organiser,
    sales,
    share,
    site,
    waitlist,
    webhooks,
)
from .views.error_responses import domain_error_page
from .wiring import wire_services

FEATURES = (
    catalogue,
    checkout,
    orders,
    waitlist,
    share,
    webhooks,
    auth,
    organiser,
    sales,
    box_office,
    site,
)


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Return the shop, set up from defaults, the environment and `config`, in this order.

    Stops the program with one sentence where a setting is missing or cannot be used.
    """
    app = Flask(__package__)
    load_config(app, config)
    db.init_app(app)
    # Before the check of tokens: it reads a form, and that must be one that can be read.
    register_error_pages(app)
    # A webhook comes from no form of ours: it is signed instead.
    CSRFProtect(app).exempt(webhooks.bp)
    app.add_template_filter(euros)
    app.add_template_filter(utc_text, "utc")
    app.add_template_filter(duration_text, "duration")
    # What a page says of a rule comes from the rule.
    app.jinja_env.globals.update(
        group_from=GROUP_FROM,
        group_percent=GROUP_PERCENT,
        vat_percent=VAT_PERCENT,
        refund_ladder=REFUND_LADDER,
        offer_holds=OFFER_HOLDS,
    )
    app.add_template_global(mail_link)
    # It asks for the app's logger, which is made then: what the services log goes there, too.
    mask_keys_in_logs(app)
    wire_services(app)
    app.register_error_handler(DomainError, domain_error_page)
    register_commands(app)
    for feature in FEATURES:
        app.register_blueprint(feature.bp)
    return app
