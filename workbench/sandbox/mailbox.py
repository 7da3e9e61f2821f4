"""The mail server: takes every mail, keeps it in memory, and shows it on a web page."""

from __future__ import annotations

import socket
from asyncio import AbstractServer
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask, render_template

from .server import HOST, listen, serving


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail as it came in; sender and recipients are those of the envelope."""

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    subject: str
    date: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """Return what `/mails.json` shows of it."""
        return {
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "date": self.date,
            "text": self.text,
        }


def read_mail(sender: str, recipients: list[str], content: bytes) -> Mail:
    """Return the mail; a body that is not readable text is shown in its raw form."""
    message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    return Mail(
        sender=readable(sender),
        recipients=tuple(readable(recipient) for recipient in recipients),
        message_id=str(message.get("Message-ID", "")),
        subject=str(message.get("Subject", "")),
        date=str(message.get("Date", "")),
        text=read_text(message) or content.decode("utf-8", "replace"),
    )


def readable(address: str) -> str:
    """Return the address with a question mark for each byte that is not UTF-8."""
    return address.encode("utf-8", "replace").decode()


def read_text(message: EmailMessage) -> str | None:
    """Return the plain-text body, or None when there is none that can be read."""
    body = message.get_body(preferencelist=("plain",))
    try:
        return str(body.get_content()) if body else None
    except LookupError:  # a character set that Python does not support
        return None


class Mailbox:
    """The mails that came in, oldest first."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail; called by aiosmtpd, which asks for this name."""
        assert isinstance(envelope.content, bytes)
        content = envelope.content.replace(b"\r\n", b"\n")
        self.mails.append(read_mail(envelope.mail_from or "", envelope.rcpt_tos, content))
        return "250 OK"


class MailServer(Controller):
    """An SMTP server on a thread of its own, on a socket that listens already."""

    def __init__(self, mailbox: Mailbox, listener: socket.socket) -> None:
        port = listener.getsockname()[1]
        # Without a server_hostname the resolver is asked for one, which can take seconds.
        super().__init__(mailbox, hostname=HOST, port=port, server_hostname="localhost")
        self._listener = listener

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


def create_mail_page(mailbox: Mailbox) -> Flask:
    """Return the web page that shows the mails, as a WSGI app."""
    app = Flask(__name__, static_folder=None)

    @app.get("/")
    def page() -> str:
        return render_template("mailbox.html", mails=mailbox.mails[::-1])

    @app.get("/mails.json")
    def mails() -> list[dict[str, Any]]:
        return [mail.as_json() for mail in mailbox.mails[::-1]]

    return app


@dataclass(frozen=True, kw_only=True)
class RunningMailbox:
    """Where a running mailbox is: its web page, and where it takes mail."""

    url: str
    smtp_host: str
    smtp_port: int


@contextmanager
def running_mailbox(
    *,
    page_listener: socket.socket | None = None,
    smtp_listener: socket.socket | None = None,
) -> Iterator[RunningMailbox]:
    """Run an empty mailbox until the block ends; on any free ports without listeners."""
    mailbox = Mailbox()
    server = MailServer(mailbox, smtp_listener or listen())
    with serving(create_mail_page(mailbox), page_listener) as url:
        server.start()
        try:
            yield RunningMailbox(url=url, smtp_host=HOST, smtp_port=server.port)
        finally:
            server.stop()
