"""gunicorn's settings for `make serve`: threads, and a log without secrets.

The address of an order is enough to cancel it, and the address of an offer is enough to use it.
Such addresses are keys, and so they are masked in the log.
"""

import logging
import re
from collections.abc import MutableMapping
from io import RawIOBase
from typing import Any
from urllib.parse import quote

from gunicorn.http.errors import ParseException

# A checkout waits for the payment gateway. Meanwhile the other threads of the process go on.
worker_class = "gthread"
threads = 4
# Each process makes an app of its own, and never shares a connection to the database.
preload_app = False
# Without it there is one socket less to attack.
control_socket_disable = True

# A proxy on this machine is trusted about the client, but not about the shop's address: these
# headers would come from the client itself, through any proxy that lets them pass.
forwarder_headers = ""

# The path only: no query, no referring page, no cookie.
access_log_format = "%(h)s %(m)s %(U)s %(s)s, %(B)s bytes in %(M)s ms"

SECRETS = (
    # What opens an order, or an offer.
    re.compile(r"(/(?:orders|share)/+[^/\s]+/+|/waitlist/+)\S+"),
    # What a statement was given, and what a row has in it.
    re.compile(r"(\[parameters: |DETAIL: ).*"),
    # Input that is not valid HTTP; it may contain a cookie.
    re.compile(r"(Invalid request from ip=\S+: [^:]*).+"),
)


def mask(text: str) -> str:
    """Return the text with *** in place of each secret."""
    for secret in SECRETS:
        text = secret.sub(r"\1***", text)
    return text


class MaskingFormatter(logging.Formatter):
    """Masks secrets in messages and tracebacks alike; each message is one line."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


class EncodedPath(logging.Filter):
    """Percent-encodes the path of each access: without blanks and line ends."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, MutableMapping):
            record.args["U"] = quote(record.args["U"] or "-", encoding="latin-1")
        return True


class Body(RawIOBase):
    """The body of a request, whose end may be missing or wrong.

    Then it raises OSError, as for a client that has hung up, and the shop answers 400. gunicorn's
    own error is not one that an app can catch.
    """

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            read: bytes = self._body.read(len(buffer))
        except ParseException as error:
            raise OSError("The body of the request is broken.") from error
        buffer[: len(read)] = read
        return len(read)


def post_worker_init(worker: Any) -> None:
    """Put `Body` between each request and the shop; gunicorn calls this in each process."""
    shop = worker.wsgi

    def with_body(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"] = Body(environ["wsgi.input"])
        return shop(environ, start_response)

    worker.wsgi = with_body


logconfig_dict = {
    "formatters": {
        "masked": {
            "()": MaskingFormatter,
            "format": "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {"encoded": {"()": EncodedPath}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "masked"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    # Both have handlers of their own otherwise, which mask nothing.
    "loggers": {
        "gunicorn.error": {"propagate": True},
        "gunicorn.access": {"propagate": True, "filters": ["encoded"]},
    },
}
