"""What can be done with the book, with no web in sight."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, text


class Refused(Exception):
    """A name is needed to sign."""


def sign(connection: Connection, name: str) -> None:
    """Write a name into the book. Raises Refused when it is empty."""
    if not name:
        raise Refused
    connection.execute(text("INSERT INTO guest (name) VALUES (:name)"), {"name": name})


def names(connection: Connection) -> Sequence[str]:
    """All names, in the order in which they came."""
    return connection.scalars(text("SELECT name FROM guest ORDER BY id")).all()


def announce(name: str, post: Callable[[str], None]) -> None:
    """Announce the book."""
    post(f"{name} was here")
