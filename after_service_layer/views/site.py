"""About and health: trivial, and meant to stay so in both apps."""

from flask import Blueprint, render_template
from sqlalchemy import select

from ..database import db

bp = Blueprint("site", __name__)


@bp.get("/about")
def about() -> str:
    return render_template("site/about.html")


@bp.get("/healthz")
def healthz() -> dict[str, str]:
    """Answer ok if the database does; if it does not, the error page says so with a 503."""
    db.session.execute(select(1))
    return {"status": "ok"}
