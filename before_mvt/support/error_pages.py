"""Pages for errors outside the views, and the headers of every answer."""

from urllib.parse import urlsplit

from flask import Flask, abort, current_app, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DatabaseError, TimeoutError
from werkzeug.exceptions import BadHost, HTTPException, SecurityError
from werkzeug.wrappers import Response

from ..database import db

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


def register_error_pages(app: Flask) -> None:
    """Answer every refusal with a page of the shop, and set the headers of all answers."""
    app.before_request(refuse_other_port)
    app.before_request(refuse_nul)
    app.after_request(set_headers)
    app.teardown_request(roll_back)
    app.register_error_handler(HTTPException, http_error)
    for error in (DatabaseError, TimeoutError):
        app.register_error_handler(error, database_error)


def refuse_other_port() -> None:
    """Over https, refuse a Host with another port than SITE_URL has.

    TRUSTED_HOSTS, which has refused any other name already, does not look at the port.
    """
    site = urlsplit(current_app.config["SITE_URL"])
    # As it was sent: behind a proxy that ends TLS, Flask would drop port 80 from it.
    host = request.headers.get("Host", request.host)
    if site.scheme == "https" and _without_443(host) != _without_443(site.netloc):
        raise SecurityError("This is another port than the shop's.")


def _without_443(host: str) -> str:
    return host.lower().removesuffix(":443")


def refuse_nul() -> None:
    """Refuse text with a NUL in it: PostgreSQL cannot store one, and no keyboard types one."""
    # What is signed is the body as it came: to read a form from it must not use it up.
    request.get_data()
    # A field may come more than once: each value counts, whichever of them is used later.
    fields = [*request.args.items(multi=True), *request.form.items(multi=True)]
    if any(name is None for name, _value in fields):
        abort(400, "Every field of a form has a name.")
    if any("\0" in text for text in [request.path, *(value for _name, value in fields)]):
        abort(400, "A text may hold any character but NUL.")


def set_headers(response: Response) -> Response:
    """Tell the browser to load nothing from elsewhere, and to keep what is private to itself.

    The address of an order is its key: it must not reach another site as a referrer.
    """
    headers = response.headers
    headers["Content-Security-Policy"] = CONTENT_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        headers["Cache-Control"] = "no-store"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def http_error(error: HTTPException) -> Response:
    if isinstance(error, SecurityError | BadHost):
        # Under a name that is not the shop's, or is none, no page can be written: its links have
        # no host.
        return Response("The shop does not answer to this name.\n", 400, mimetype="text/plain")
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


def roll_back(error: BaseException | None) -> None:
    """End what an unexpected error has left open: others may wait for its locks."""
    if error is not None:
        db.session.rollback()


def database_error(error: Exception) -> tuple[str, int]:
    current_app.logger.error("The database did not answer: %s", error)
    db.session.rollback()
    sentence = (
        "The shop's database cannot be reached, or has no tables yet. If you were buying, send"
        " the same form again later: it is never charged twice. If this is your shop, create the"
        " tables with the command init-db."
    )
    return render_template("error.html", title="Out of order", sentence=sentence), 503
