"""Instants are timezone-aware and in UTC, from the form to the database and back."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def utc_text(instant: datetime) -> str:
    """Return an instant as pages and mails show it: `2027-03-04 19:30 UTC`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
