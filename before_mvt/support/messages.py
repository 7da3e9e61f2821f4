"""How a mail is written, so that each text arrives as it was typed."""

from email.charset import QP, Charset
from email.header import Header
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime

from .addresses import is_mail_address
from .clock import utc_now

UTF_8 = Charset("utf-8")
UTF_8.body_encoding = QP
# EmailMessage, the newer class, reads each header before it writes it: from an event's title with
# an encoded word (RFC 2047) in it, it would make other text, a line break, or a header `Bcc`.
AS_WRITTEN = compat32.clone(max_line_length=None, mangle_from_=False)


def compose(*, sender: str, to: str, subject: str, body: str, mail_id: str) -> MIMEText:
    """Return a mail, to be sent to just this address. `mail_id` is the same for each copy of it.

    Raises ValueError for an address that no header can have as it is. No form takes such a one,
    but once they did.
    """
    if not is_mail_address(to):
        raise ValueError("The address cannot stand in a header as it is.")
    message = MIMEText(f"{body}\n", "plain", UTF_8, policy=AS_WRITTEN)  # type: ignore[arg-type]
    message["From"] = sender
    message["To"] = to
    message["Subject"] = _as_header(subject)
    message["Date"] = format_datetime(utc_now())
    message["Message-ID"] = f"<{mail_id}@{sender.rpartition('@')[2]}>"
    return message


def _as_header(text: str) -> str:
    """Return a text so that a mail program shows it unchanged: as it is, or in encoded words."""
    is_plain = text.isascii() and text.isprintable() and "=?" not in text
    return text if is_plain else Header(text, UTF_8).encode()
