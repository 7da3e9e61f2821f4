"""Work on many rows, each of which may fail. Came out of `database.py`."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.orm import Session

from ..models import Event, Order, WaitlistEntry

log = logging.getLogger(__name__)

Row = TypeVar("Row", Event, Order, WaitlistEntry)
Result = TypeVar("Result")


def for_each_row(
    session: Session, rows: Sequence[Row], do: Callable[[Row], Result], *, failed: Result
) -> list[Result]:
    """Do something with each row; return the results, `failed` where there is none.

    An error of any type is logged and rolled back, and the next row is worked on.
    """
    results = []
    for row, row_id in [(row, row.id) for row in rows]:
        # The rows before may have taken their time: everything is read again.
        session.expire_all()
        try:
            results.append(do(row))
        except Exception:
            session.rollback()
            log.exception("%s %s is left as it is.", type(row).__name__, row_id)
            results.append(failed)
    return results
