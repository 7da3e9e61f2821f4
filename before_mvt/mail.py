"""Mail, by SMTP."""

import smtplib
from contextlib import suppress
from datetime import datetime

from flask import current_app, render_template

from .database import db
from .models import MailColumn, Order, WaitlistEntry
from .support.clock import utc_now
from .support.messages import compose


def send_confirmation(order: Order, claimed_at: datetime | None = None) -> bool:
    return _send_once(
        order,
        Order.confirmation_sent_at,
        "Your tickets for",
        "mail/confirmation.txt",
        claimed_at=claimed_at,
        order=order,
    )


def send_reminder(order: Order) -> bool:
    sent_at = Order.reminder_sent_at
    return _send_once(order, sent_at, "Soon:", "mail/reminder.txt", order=order)


def send_refund_notice(order: Order) -> bool:
    sent_at = Order.refund_notice_sent_at
    return _send_once(order, sent_at, "Your money back for", "mail/refund.txt", order=order)


def send_offer(entry: WaitlistEntry) -> bool:
    sent_at = WaitlistEntry.offer_sent_at
    return _send_once(entry, sent_at, "Seats for", "mail/offer.txt", entry=entry)


def _send_once(
    row: Order | WaitlistEntry,
    sent_at: MailColumn,
    subject: str,
    template: str,
    *,
    claimed_at: datetime | None = None,
    **facts: object,
) -> bool:
    """Send a mail that was not sent yet, as this column says; return whether it was sent now.

    Commits before and after; not before where the caller has claimed the mail with what the mail
    says, at `claimed_at`. A mail that cannot be sent, for any reason, is not lost and stops
    nothing else: the column stays empty, and the next job tries again.
    """
    now = claimed_at or utc_now()
    if claimed_at is None:
        is_claimed = row.claim_mail(sent_at, now)
        db.session.commit()
        if not is_claimed:
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
        row.finish_mail(sent_at, None)
        db.session.commit()
        return False
    row.finish_mail(sent_at, now)
    db.session.commit()
    return True


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
