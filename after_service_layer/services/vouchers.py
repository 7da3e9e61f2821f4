"""The organiser's vouchers. Came out of `views/organiser.py`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from ..models import Event, Voucher, VoucherKind, voucher_uses
from .errors import VoucherCodeTaken, VoucherEventUnknown


@dataclass(frozen=True, kw_only=True)
class VoucherDetails:
    """All that an organiser decides about a voucher. `value` is percent, or cents."""

    code: str
    kind: VoucherKind
    value: int
    event_slug: str
    valid_from: datetime | None
    valid_until: datetime | None
    max_uses: int


def list_vouchers(session: Session) -> list[tuple[Voucher, int]]:
    """Return every voucher with its uses, by code."""
    found = session.execute(
        select(Voucher, voucher_uses()).options(joinedload(Voucher.event)).order_by(Voucher.code)
    )
    return [(voucher, uses) for voucher, uses in found]


def create_voucher(session: Session, details: VoucherDetails) -> Voucher:
    """Store a new voucher and commit.

    Raises VoucherEventUnknown or VoucherCodeTaken with nothing stored.
    """
    event = None
    if details.event_slug:
        event = session.scalar(select(Event).where(Event.slug == details.event_slug))
        if event is None:
            raise VoucherEventUnknown(details.event_slug)
    voucher = Voucher(
        code=details.code,
        kind=details.kind,
        value=details.value,
        event=event,
        valid_from=details.valid_from,
        valid_until=details.valid_until,
        max_uses=details.max_uses,
    )
    session.add(voucher)
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        raise VoucherCodeTaken(details.code) from None
    return voucher
