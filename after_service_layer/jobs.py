"""What runs by itself. Each job may run twice, or two at once, or be killed half way.

Each returns what it did: a number for each kind of thing.
"""

from collections.abc import Callable

from .database import db
from .services import maintenance
from .services.notifications import Notifications
from .support.clock import utc_now


def expire() -> dict[str, int]:
    return maintenance.Expiry.from_context("jobs").run()


def remind() -> dict[str, int]:
    return maintenance.remind(
        db.session(), notifications=Notifications.from_context("jobs"), now=utc_now()
    )


def reconcile() -> dict[str, int]:
    return maintenance.Reconciliation.from_context("jobs").run()


JOBS: dict[str, Callable[[], dict[str, int]]] = {
    "expire": expire,
    "remind": remind,
    "reconcile": reconcile,
}
