"""Keeps addresses that are keys out of the log: with an order's address, anybody can cancel it."""

import logging
import re

from flask import Flask

KEY = re.compile(r"(/(?:orders|share)/+[^/\s]+/+|/waitlist/+)[^\s?]+")


def mask_keys_in_logs(app: Flask) -> None:
    """Mask such addresses in what the app logs, and in what `flask run` logs of each request."""
    for logger in (app.logger, logging.getLogger("werkzeug")):
        logger.addFilter(mask_keys)


def mask_keys(record: logging.LogRecord) -> bool:
    """Put *** in the place of each key in a message; return True, as the message is wanted."""
    record.msg, record.args = KEY.sub(r"\1***", record.getMessage()), None
    return True
