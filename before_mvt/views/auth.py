"""Organisers log in and out."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, wraps
from typing import ParamSpec

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, select
from werkzeug.security import check_password_hash, generate_password_hash

from ..clock import utc_now
from ..database import db
from ..forms import LoginForm
from ..models import FailedLogin, Organiser

bp = Blueprint("auth", __name__)

# So many wrong passwords for one name within this time, and then nobody is let in by it.
GUESSES = 5
GUESSES_WITHIN = timedelta(minutes=5)

LONGEST_PATH = 500

P = ParamSpec("P")


def login_required(
    view: Callable[P, ResponseReturnValue],
) -> Callable[P, ResponseReturnValue]:
    """Send whoever is not logged in to the login page, and back here afterwards."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if db.session.get(Organiser, session.get("organiser", 0)) is None:
            here = request.full_path.rstrip("?") if request.method == "GET" else None
            return redirect(url_for("auth.login", next=here), 303)
        return view(*args, **kwargs)

    return guarded


@bp.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    form = LoginForm()
    target = local_path(request.args.get("next", "")) or url_for("organiser.dashboard")
    if not form.is_submitted():
        return render_template("auth/login.html", form=form, problem=None, next=target)

    now = utc_now()
    name = (form.name.data or "").lower()[:80]
    refused = select(func.count(FailedLogin.id)).where(FailedLogin.name == name)
    tries = db.session.scalar(refused.where(FailedLogin.at > now - GUESSES_WITHIN)) or 0
    if tries >= GUESSES:
        problem = "Too many tries: wait five minutes."
        page = render_template("auth/login.html", form=form, problem=problem, next=target)
        return page, 429, {"Retry-After": str(int(GUESSES_WITHIN.total_seconds()))}

    organiser = db.session.scalar(select(Organiser).where(Organiser.name == form.name.data))
    # An unknown name costs as much time as a wrong password, so that the clock tells nothing.
    known_hash = organiser.password_hash if organiser else _hash_of_nobody()
    right = check_password_hash(known_hash, form.password.data or "")
    if organiser is None or not right:
        db.session.execute(delete(FailedLogin).where(FailedLogin.at <= now - GUESSES_WITHIN))
        db.session.add(FailedLogin(name=name, at=now))
        db.session.commit()
        problem = "The name or the password is wrong."
        return render_template("auth/login.html", form=form, problem=problem, next=target), 401

    session.clear()
    session["organiser"] = organiser.id
    return redirect(target, 303)


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    session.clear()
    flash("You are logged out.")
    return redirect(url_for("catalogue.index"), 303)


@cache
def _hash_of_nobody() -> str:
    return generate_password_hash("nobody")


def local_path(target: str) -> str | None:
    """Return the target if it is a path on this site; a long one is none, as a cookie is short.

    Browsers read `//host` and `/\\host` as another site, and drop tabs and line breaks first.
    """
    if not target.startswith("/") or target.startswith("//") or len(target) > LONGEST_PATH:
        return None
    if "\\" in target or any(ord(character) <= 32 for character in target):
        return None
    return target
