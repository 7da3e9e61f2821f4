"""What runs by itself. Each job may run twice, or two at once, or be killed half way.

Each returns what it did: a number for each kind of thing.
"""

from collections.abc import Callable

from .clock import utc_now
from .database import db
from .services import upkeep
from .services.notices import Notices


def expire() -> dict[str, int]:
    return upkeep.Expiry.from_context("jobs").run()


def remind() -> dict[str, int]:
    return upkeep.remind(db.session(), notices=Notices.from_context("jobs"), now=utc_now())


def reconcile() -> dict[str, int]:
    return upkeep.Reconciliation.from_context("jobs").run()


JOBS: dict[str, Callable[[], dict[str, int]]] = {
    "expire": expire,
    "remind": remind,
    "reconcile": reconcile,
}
