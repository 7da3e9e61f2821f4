"""Serve a WSGI app on a thread of this process, on loopback only."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"


class QuietRequestHandler(WSGIRequestHandler):
    """Handles requests without a log line for each."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def listen(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback; port 0 takes any free port.

    Raises OSError when the port is taken or not allowed.
    """
    listener = socket.create_server((HOST, port))
    # Its connections inherit this. Short answers, as in SMTP, would wait for 40 ms otherwise.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def serving(app: WSGIApplication, listener: socket.socket | None = None) -> Iterator[str]:
    """Serve `app` until the block ends; yield its address, such as `http://127.0.0.1:5001`.

    The listener is closed at the end. Without one, any free port is taken.
    """
    with listener or listen() as bound:
        port = bound.getsockname()[1]
        server = make_server(
            HOST,
            port,
            app,
            threaded=True,
            request_handler=QuietRequestHandler,
            fd=bound.fileno(),
        )
        # The default of half a second would be spent at every stop.
        thread = Thread(target=server.serve_forever, args=(0.05,), name=f"http-{port}")
        thread.start()
        try:
            yield f"http://{HOST}:{port}"
        finally:
            server.shutdown()
            thread.join()
