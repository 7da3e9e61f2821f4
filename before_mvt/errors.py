"""Pages for what goes wrong beneath the views: one sentence each, never a traceback."""

from flask import Flask, abort, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DatabaseError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from .database import db


def register_error_pages(app: Flask) -> None:
    """Answer every refusal with a page of the shop."""
    app.before_request(refuse_nul)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(DatabaseError, database_error)


def refuse_nul() -> None:
    """Refuse text with a NUL in it: PostgreSQL cannot keep one, and nobody types one."""
    texts = [request.path, *request.args.values(), *request.form.values()]
    if any("\0" in text for text in texts):
        abort(400, "A text may hold any character but NUL.")


def http_error(error: HTTPException) -> Response:
    sentence = error.description
    if isinstance(error, CSRFError):
        sentence = (
            "The form was open for too long, or came from another site."
            " Go back, load the page again and send the form once more."
        )
    response = error.get_response()
    response.data = render_template("error.html", title=error.name, sentence=sentence)
    response.content_type = "text/html; charset=utf-8"
    return response


def database_error(error: Exception) -> tuple[str, int]:
    current_app.logger.error("The database did not answer: %s", error)
    db.session.rollback()
    sentence = (
        "The shop's database cannot be reached, or has no tables yet. If you were buying, send"
        " the same form again later: it is never charged twice. If this is your shop, create the"
        " tables with the command init-db."
    )
    return render_template("error.html", title="Out of order", sentence=sentence), 503
