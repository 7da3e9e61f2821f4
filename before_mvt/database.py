"""The database extension: one session a request, closed by Flask-SQLAlchemy."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import current_app
from flask_sqlalchemy import SQLAlchemy

# A commit leaves what was read as it is: the next line needs no statement to read again what it
# has just written. What others may have changed is read again under a lock.
db = SQLAlchemy(session_options={"expire_on_commit": False})

Result = TypeVar("Result")


def for_each_row(
    rows: Sequence[Any], do: Callable[[Any], Result], *, failed: Result
) -> list[Result]:
    """Do something with each row; return the results, `failed` where there is none.

    An error of any type is logged and rolled back, and the next row is worked on.
    """
    results = []
    for row, row_id in [(row, row.id) for row in rows]:
        # The rows before may have taken their time: everything is read again.
        db.session.expire_all()
        try:
            results.append(do(row))
        except Exception:
            db.session.rollback()
            current_app.logger.exception("%s %s is left as it is.", type(row).__name__, row_id)
            results.append(failed)
    return results
