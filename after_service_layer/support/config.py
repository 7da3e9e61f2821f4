"""Where the settings come from: defaults, then the environment, then the caller."""

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .addresses import is_mail_address, is_web_address

PREFIX = "BOX_OFFICE_"
DRIVERS = {"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"}

# The addresses are those of the sandbox that `make run` starts. There is no default for a
# secret: without SECRET_KEY the app does not start, without PAYMENTS_API_KEY the gateway
# refuses, without PAYMENTS_WEBHOOK_SECRET no webhook is believed, and without the client's key
# and secret the social network refuses.
DEFAULTS: dict[str, Any] = {
    "SECRET_KEY": None,
    "SQLALCHEMY_DATABASE_URI": f"sqlite:///{__package__.partition('.')[0]}.sqlite",
    "PAYMENTS_URL": "http://127.0.0.1:5010",
    "PAYMENTS_API_KEY": "",
    "PAYMENTS_WEBHOOK_SECRET": "",
    "PAYMENTS_TIMEOUT": 5.0,
    "MAIL_HOST": "127.0.0.1",
    "MAIL_PORT": 5012,
    "MAIL_SENDER": "box-office@example.org",
    # The social network: where its OAuth 1 begins, and who the shop is there.
    "SHARE_URL": "http://127.0.0.1:5013/oauth",
    "SHARE_CLIENT_KEY": "",
    "SHARE_CLIENT_SECRET": "",
    # Where the shop is: every link in a mail begins with it.
    "SITE_URL": "http://127.0.0.1:5000",
}
LARGEST_REQUEST = 1024 * 1024


def load_config(app: Flask, overrides: Mapping[str, Any] | None = None) -> None:
    """Fill `app.config`; stop the program with one sentence if a setting cannot be used."""
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST
    # An error of the database is logged with its statement; what it was about is private.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"hide_parameters": True}
    app.config.update(DEFAULTS)
    for key in DEFAULTS:
        if PREFIX + key in os.environ:
            app.config[key] = os.environ[PREFIX + key]
    app.config.update(overrides or {})
    _check(app.config)
    site = urlsplit(app.config["SITE_URL"])
    if site.scheme == "https":
        app.config["SESSION_COOKIE_SECURE"] = True
        # The shop has one name: a page under another one would have links that lead there.
        app.config["TRUSTED_HOSTS"] = [site.hostname]


def _check(config: dict[str, Any]) -> None:
    if not config["SECRET_KEY"]:
        raise SystemExit(
            f"{PREFIX}SECRET_KEY is not set: give it a long random text, for example"
            f' export {PREFIX}SECRET_KEY="$(python -c "import secrets;'
            ' print(secrets.token_hex())")".'
        )
    try:
        driver = make_url(config["SQLALCHEMY_DATABASE_URI"]).drivername
    except (ArgumentError, ValueError):
        driver = "no database address"
    if driver not in DRIVERS:
        raise SystemExit(
            f"{PREFIX}SQLALCHEMY_DATABASE_URI has {driver!r}: give sqlite:///FILE"
            " or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
        )
    for key in ("PAYMENTS_URL", "SHARE_URL", "SITE_URL"):
        if not is_web_address(config[key]):
            raise SystemExit(
                f"{PREFIX}{key} is {config[key]!r}: give an address that starts with http://"
                " or https:// and has a host, with no password, no query and no %."
            )
    for key in ("PAYMENTS_API_KEY", "SHARE_CLIENT_KEY", "SHARE_CLIENT_SECRET"):
        if not isinstance(config[key], str) or not re.fullmatch(r"[ -~]*", config[key]):
            raise SystemExit(
                f"{PREFIX}{key} is no text in ASCII: no header carries anything else."
            )
    if not is_mail_address(config["MAIL_SENDER"]):
        raise SystemExit(
            f"{PREFIX}MAIL_SENDER is {config['MAIL_SENDER']!r}: give an e-mail address in ASCII,"
            " without =? in it."
        )
    config["PAYMENTS_URL"] = config["PAYMENTS_URL"].rstrip("/")
    config["PAYMENTS_TIMEOUT"] = _number(config, "PAYMENTS_TIMEOUT", float, "seconds", 3600)
    config["MAIL_PORT"] = _number(config, "MAIL_PORT", int, "a port", 65535)


def _number(config: dict[str, Any], key: str, kind: type, what: str, most: int) -> Any:
    try:
        number = kind(config[key])
    except (TypeError, ValueError):
        number = 0
    if not 0 < number <= most:
        raise SystemExit(f"{PREFIX}{key} is {config[key]!r}: give {what}, above 0, up to {most}.")
    return number
