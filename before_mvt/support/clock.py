"""Instants are timezone-aware and in UTC, from the form to the database and back."""

from datetime import UTC, datetime, timedelta


def utc_now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def utc_text(instant: datetime) -> str:
    """Return an instant as pages and mails show it: `2027-03-04 19:30 UTC`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration_text(duration: timedelta) -> str:
    """Return a duration in its largest whole unit, up to two days in hours: `48 hours`."""
    minutes = duration // timedelta(minutes=1)
    for unit, length, least in (("day", 24 * 60, 3), ("hour", 60, 1)):
        number, rest = divmod(minutes, length)
        if number >= least and not rest:
            return _counted(number, unit)
    return _counted(minutes, "minute")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
