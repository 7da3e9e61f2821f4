"""The database extension: one session a request, closed by Flask-SQLAlchemy."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import current_app
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()

Result = TypeVar("Result")


def for_each_row(
    rows: Sequence[Any], do: Callable[[Any], Result], *, failed: Result
) -> list[Result]:
    """Do something with each row; return the results, `failed` where there is none.

    Whatever goes wrong with a row, it is logged and rolled back, and the next row has its turn.
    """
    results = []
    for row, row_id in [(row, row.id) for row in rows]:
        try:
            results.append(do(row))
        except Exception:
            db.session.rollback()
            current_app.logger.exception("%s %s is left as it is.", type(row).__name__, row_id)
            results.append(failed)
    return results
