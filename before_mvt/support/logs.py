"""Keeps addresses that are keys out of the log: an order's address is the right to cancel it."""

import logging
import re

from flask import Flask

KEY = re.compile(r"(/(?:orders|share)/+[^/\s]+/+|/waitlist/+)[^\s?]+")
# Behind a path: a question mark in a statement or in a sentence is another thing.
QUERY = re.compile(r"(?<=[\w/*%.~-])\?[^\s\"']+")


def mask_keys_in_logs(app: Flask) -> None:
    """Mask such addresses in what the app logs, and in what `flask run` logs of each request."""
    for logger in (app.logger, logging.getLogger("werkzeug")):
        logger.addFilter(mask_record)


def mask_record(record: logging.LogRecord) -> bool:
    """Mask a message and its traceback; return True, as the message is wanted."""
    record.msg, record.args = mask(record.getMessage()), None
    if record.exc_info:
        record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
    return True


def mask(text: str) -> str:
    """Return a text with *** in the place of each key, and of each query, which may have one."""
    return QUERY.sub("?***", KEY.sub(r"\1***", text))
