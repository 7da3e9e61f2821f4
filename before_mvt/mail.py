"""Mail, by SMTP."""

import smtplib
from contextlib import suppress

from flask import current_app, render_template

from .database import db
from .models import Order, WaitlistEntry
from .support.clock import utc_now
from .support.messages import compose


def send_confirmation(order: Order) -> bool:
    subject = "Your tickets for"
    return _send_once(order, "confirmation_sent_at", subject, "mail/confirmation.txt", order=order)


def send_reminder(order: Order) -> bool:
    return _send_once(order, "reminder_sent_at", "Soon:", "mail/reminder.txt", order=order)


def send_refund_notice(order: Order) -> bool:
    subject = "Your money back for"
    return _send_once(order, "refund_notice_sent_at", subject, "mail/refund.txt", order=order)


def send_offer(entry: WaitlistEntry) -> bool:
    return _send_once(entry, "offer_sent_at", "Seats for", "mail/offer.txt", entry=entry)


def _send_once(
    row: Order | WaitlistEntry, sent_at: str, subject: str, template: str, **facts: object
) -> bool:
    """Send a mail that this column says was not sent yet; return whether it was sent now.

    Commits before and after. A mail that cannot be sent, for whatever reason, is not lost and
    stops nothing else: the column stays empty, and the next job tries again.
    """
    now = utc_now()
    claimed = row.claim_mail(sent_at, now)
    db.session.commit()
    if not claimed:
        return False
    try:
        title = f"{subject} {row.event.title}"
        _send(row.email, title, render_template(template, **facts), row.mail_id(sent_at))
    except Exception as error:
        db.session.rollback()
        kind = type(error).__name__
        current_app.logger.error(
            "No mail to %s %s: %s: %s", type(row).__name__, row.id, kind, error
        )
        sent = False
    else:
        setattr(row, sent_at, now)
        sent = True
    row.mail_claimed_until = None
    db.session.commit()
    return sent


def _send(to: str, subject: str, body: str, mail_id: str) -> None:
    """Send one mail; raise what smtplib or `compose` raises when it cannot be sent."""
    sender = current_app.config["MAIL_SENDER"]
    message = compose(sender=sender, to=to, subject=subject, body=body, mail_id=mail_id)
    host, port = current_app.config["MAIL_HOST"], current_app.config["MAIL_PORT"]
    # Without a name to greet with, smtplib looks one up, which takes some machines seconds.
    domain = sender.rpartition("@")[2]
    server = smtplib.SMTP(host, port, local_hostname=domain, timeout=5)
    try:
        server.send_message(message, sender, [to])
        # The server has the mail now, however it takes the goodbye.
        with suppress(OSError):
            server.quit()
    finally:
        server.close()
