"""Commands for the operator of the shop: `flask --app PACKAGE.app COMMAND`."""

import secrets

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError, IntegrityError
from werkzeug.security import generate_password_hash

from .database import db
from .jobs import JOBS
from .models import Event, Organiser
from .support.clock import utc_now
from .support.sample_data import plan_sample_data


class ShopCommand(click.Command):
    """A command that says in one sentence that the database is not there."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except DatabaseError as error:
            raise click.ClickException(
                "The database cannot be reached, or has no tables yet (init-db makes them):"
                f" {str(error.orig).splitlines()[0]}"
            ) from None


def register_commands(app: Flask) -> None:
    """Add `init-db`, `seed`, `create-organiser` and `jobs` to the app's command line."""
    for command in (init_db, seed, create_organiser, jobs):
        app.cli.add_command(command)


@click.command("init-db", cls=ShopCommand)
@with_appcontext
def init_db() -> None:
    """Create the tables that are missing. Keeps what is there."""
    db.create_all()
    click.echo("The tables are there.")


@click.command("seed", cls=ShopCommand)
@with_appcontext
def seed() -> None:
    """Fill an empty shop with sample data: events, some orders, vouchers and a waiting list."""
    if db.session.scalar(select(Event.id).limit(1)) is not None:
        raise click.ClickException("The shop has events already; seed fills only an empty one.")
    sample = plan_sample_data(utc_now(), new_secret=secrets.token_urlsafe)
    db.session.add_all([row for rows in sample for row in rows])
    db.session.commit()
    events, vouchers, orders, waiting = (len(rows) for rows in sample)
    click.echo(f"Added {events} events, {vouchers} vouchers and {orders} orders.")
    click.echo(f"On the waiting list: {waiting}.")


@click.command("create-organiser", cls=ShopCommand)
@click.argument("name")
@click.option("--password", required=True, help="At least 8 letters.")
@with_appcontext
def create_organiser(name: str, password: str) -> None:
    """Add an organiser, who may log in."""
    if not 1 <= len(name.strip()) <= 80 or not name.isprintable():
        raise click.BadParameter("give 1 to 80 letters.", param_hint="NAME")
    if len(password) < 8 or not password.isprintable():
        raise click.BadParameter("give at least 8 letters.", param_hint="--password")
    db.session.add(Organiser(name=name.strip(), password_hash=generate_password_hash(password)))
    try:
        db.session.commit()
    except IntegrityError:
        raise click.ClickException(f"There is an organiser {name.strip()} already.") from None
    click.echo(f"{name.strip()} may log in now.")


@click.command("jobs", cls=ShopCommand)
@click.argument("job", type=click.Choice(list(JOBS)))
@with_appcontext
def jobs(job: str) -> None:
    """Run what is due: expire, remind or reconcile. Twice, or two at once, does no harm."""
    for what, number in JOBS[job]().items():
        click.echo(f"{what}: {number}")
