"""Organisers log in and out."""

from collections.abc import Callable
from datetime import timedelta
from functools import cache, wraps
from typing import ParamSpec

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, func, select
from werkzeug.security import check_password_hash, generate_password_hash

from ..database import db
from ..forms import LoginForm
from ..models import FailedLogin, Organiser
from ..support.clock import utc_now

bp = Blueprint("auth", __name__)

# After so many wrong passwords for one name within this time, it cannot log in for a while.
GUESSES = 5
GUESSES_WITHIN = timedelta(minutes=5)

LONGEST_PATH = 500

P = ParamSpec("P")


def login_required(
    view: Callable[P, ResponseReturnValue],
) -> Callable[P, ResponseReturnValue]:
    """Send visitors who are not logged in to the login page, and back here afterwards."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if _logged_in() is None:
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

    guess = _count_guess((form.name.data or "").lower()[:80])
    if guess is None:
        problem = "Too many tries: wait five minutes."
        page = render_template("auth/login.html", form=form, problem=problem, next=target)
        return page, 429, {"Retry-After": str(int(GUESSES_WITHIN.total_seconds()))}

    organiser = db.session.scalar(select(Organiser).where(Organiser.name == form.name.data))
    # An unknown name takes as much time as a wrong password, to prevent timing attacks.
    known_hash = organiser.password_hash if organiser else _dummy_hash()
    right = check_password_hash(known_hash, form.password.data or "")
    if organiser is None or not right:
        problem = "The name or the password is wrong."
        return render_template("auth/login.html", form=form, problem=problem, next=target), 401

    db.session.execute(delete(FailedLogin).where(FailedLogin.id == guess))
    db.session.commit()
    # A logout in another browser, while the password was checked, has changed the version.
    db.session.refresh(organiser)
    session.clear()
    session["organiser"] = organiser.id
    session["organiser_session"] = organiser.session_version
    return redirect(target, 303)


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    organiser = _logged_in()
    if organiser is not None:
        # A copy of the cookie, wherever it is, ends with this one. Locked, since it counts.
        organiser.lock()
        organiser.session_version += 1
        db.session.commit()
    session.clear()
    flash("You are logged out.")
    return redirect(url_for("catalogue.index"), 303)


def _logged_in() -> Organiser | None:
    """Return the organiser whom the cookie of this request logs in; None if that is over."""
    organiser = db.session.get(Organiser, session.get("organiser", 0))
    if organiser is None or session.get("organiser_session") != organiser.session_version:
        return None
    return organiser


def _count_guess(name: str) -> int | None:
    """Count a guess for a name, and return its id; None, and nothing counted, for one too many.

    Commits. It counts as wrong from now on, and is deleted if it turns out to be right: guesses
    that are sent in parallel are all counted before the first password is checked.
    """
    # One guess at a time, for all names alike: the wait must not show which names exist.
    gate = db.session.scalar(select(Organiser).order_by(Organiser.id).limit(1))
    if gate is not None:
        gate.lock()
    now = utc_now()
    db.session.execute(delete(FailedLogin).where(FailedLogin.at <= now - GUESSES_WITHIN))
    same_name = select(func.count(FailedLogin.id)).where(FailedLogin.name == name)
    if (db.session.scalar(same_name) or 0) >= GUESSES:
        db.session.rollback()
        return None
    guess = FailedLogin(name=name, at=now)
    db.session.add(guess)
    db.session.commit()
    return guess.id


@cache
def _dummy_hash() -> str:
    return generate_password_hash("not a password")


def local_path(target: str) -> str | None:
    """Return the target if it is a path on this site; a long one is none, as a cookie is short.

    Browsers read `//host` and `/\\host` as another site, and drop tabs and line breaks first.
    """
    if not target.startswith("/") or target.startswith("//") or len(target) > LONGEST_PATH:
        return None
    if "\\" in target or not target.isascii() or any(ord(letter) <= 32 for letter in target):
        return None
    return target
