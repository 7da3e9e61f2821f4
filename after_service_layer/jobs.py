"""Scheduled jobs. Each may run twice, or two at once, or be killed half way.

Each returns what it did: a number for each kind of thing.
"""

from collections.abc import Callable

from .services.maintenance import Expiry, Reconciliation, Reminders


def expire() -> dict[str, int]:
    return Expiry.from_context("jobs").run()


def remind() -> dict[str, int]:
    return Reminders.from_context("jobs").run()


def reconcile() -> dict[str, int]:
    return Reconciliation.from_context("jobs").run()


JOBS: dict[str, Callable[[], dict[str, int]]] = {
    "expire": expire,
    "remind": remind,
    "reconcile": reconcile,
}
