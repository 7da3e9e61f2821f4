"""Money is integer cents, EUR, VAT included. Nothing here is ever a float."""

VAT_PERCENT = 19


def percent_of(cents: int, percent: int) -> int:
    """Return `percent` % of `cents`, rounded half up to the cent."""
    return _round_half_up(cents * percent, 100)


def net_of(gross_cents: int) -> int:
    """Return what is left of a gross amount in cents without its VAT, rounded half up."""
    return _round_half_up(gross_cents * 100, 100 + VAT_PERCENT)


def euros(cents: int) -> str:
    """Return an amount in cents as people read it: `1250` is `€12.50`."""
    return f"€{cents // 100:,}.{cents % 100:02}"


def _round_half_up(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)
