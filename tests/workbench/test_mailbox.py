"""The sandbox mail server, sent to over real SMTP and read over real HTTP."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest
import requests

from workbench.sandbox.mailbox import RunningMailbox, running_mailbox
from workbench.sandbox.server import HOST


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningMailbox]:
    monkeypatch.setenv("no_proxy", HOST)
    with running_mailbox() as running:
        yield running


def send(mailbox: RunningMailbox, content: bytes) -> None:
    # A local_hostname of our own: smtplib would ask the resolver for one.
    with smtplib.SMTP(mailbox.smtp_host, mailbox.smtp_port, "localhost", timeout=5) as smtp:
        smtp.sendmail("shop@example.org", ["ada@example.org"], content)


def text_mail(subject: str = "Your tickets", text: str = "Hello Ada\n") -> bytes:
    message = EmailMessage()
    message["From"] = "shop@example.org"
    message["To"] = "ada@example.org"
    message["Subject"] = subject
    message["Date"] = "Thu, 04 Mar 2027 19:30:00 +0000"
    message.set_content(text)
    return message.as_bytes(policy=SMTP)


def mails(mailbox: RunningMailbox) -> list[dict[str, Any]]:
    received: list[dict[str, Any]] = requests.get(f"{mailbox.url}/mails.json", timeout=5).json()
    return received


def page(mailbox: RunningMailbox) -> str:
    answer = requests.get(mailbox.url, timeout=5)
    assert answer.status_code == 200
    return answer.text


def test_mail_is_kept(mailbox: RunningMailbox) -> None:
    send(mailbox, text_mail())

    assert mails(mailbox) == [
        {
            "from": "shop@example.org",
            "to": ["ada@example.org"],
            "subject": "Your tickets",
            "date": "Thu, 04 Mar 2027 19:30:00 +0000",
            "text": "Hello Ada\n",
        }
    ]


def test_page_shows_the_mail(mailbox: RunningMailbox) -> None:
    send(mailbox, text_mail())
    shown = page(mailbox)

    for expected in ("shop@example.org", "ada@example.org", "Your tickets", "04 Mar 2027"):
        assert expected in shown


def test_newest_mail_is_first(mailbox: RunningMailbox) -> None:
    send(mailbox, text_mail("Mail 1"))
    send(mailbox, text_mail("Mail 2"))

    assert [mail["subject"] for mail in mails(mailbox)] == ["Mail 2", "Mail 1"]
    shown = page(mailbox)
    assert shown.index("Mail 2") < shown.index("Mail 1")


def test_links_can_be_clicked(mailbox: RunningMailbox) -> None:
    send(mailbox, text_mail(text="Your order: http://127.0.0.1:5001/orders/ABCDE/s3cret\n"))

    assert '<a href="http://127.0.0.1:5001/orders/ABCDE/s3cret"' in page(mailbox)


def test_page_escapes_mails(mailbox: RunningMailbox) -> None:
    send(mailbox, text_mail("<script>1</script>", "<script>2</script>\n"))
    shown = page(mailbox)

    assert "<script>" not in shown
    assert "&lt;script&gt;1" in shown
    assert "&lt;script&gt;2" in shown


def test_umlauts_and_long_lines_are_decoded(mailbox: RunningMailbox) -> None:
    text = "Müller zahlt 12,50 € für zwei Plätze, " * 10 + "\n"
    send(mailbox, text_mail("Grüße", text))

    (mail,) = mails(mailbox)
    assert (mail["subject"], mail["text"]) == ("Grüße", text)


def test_unreadable_body_is_shown_raw(mailbox: RunningMailbox) -> None:
    send(mailbox, b"Content-Type: text/plain; charset=klingon\r\n\r\nnuqneH\r\n")

    assert "charset=klingon" in mails(mailbox)[0]["text"]
    assert "nuqneH" in page(mailbox)


def test_sender_that_is_not_utf8_does_not_break_the_page(mailbox: RunningMailbox) -> None:
    with smtplib.SMTP(mailbox.smtp_host, mailbox.smtp_port, "localhost", timeout=5) as smtp:
        smtp.command_encoding = "latin-1"
        smtp.sendmail("m\xfcller@example.org", ["ada@example.org"], text_mail())

    assert "m?ller@example.org" in page(mailbox)


def test_empty_mailbox_says_so(mailbox: RunningMailbox) -> None:
    assert mails(mailbox) == []
    assert "None yet" in page(mailbox)


def test_stopped_mailbox_takes_no_mail() -> None:
    with running_mailbox() as mailbox:
        send(mailbox, text_mail())

    with pytest.raises(ConnectionRefusedError):
        send(mailbox, text_mail())
