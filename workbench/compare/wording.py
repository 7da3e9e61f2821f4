"""How figures are written, the same in the page, in Markdown and in the terminal."""

NOTHING = "–"


def number(value: float | None) -> str:
    """A figure with its thousands set apart."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if value % 1 else f"{value:,.0f}"


def times(before: float | None, after: float | None) -> str:
    """After ÷ before, and in words where that cannot be divided."""
    if before is None or after is None:
        return NOTHING
    if before == after:
        return "the same"
    if before == 0:
        return "from none"
    if after == 0:
        return "to none"
    share = after / before
    return f"× {share:.2f}" if share >= 0.1 else f"× {share:.2g}"


def percent(part: float, whole: float) -> str:
    """A share, rounded; nothing of nothing is nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "0 %"


def signed(value: float) -> str:
    """A difference, always with its sign."""
    return f"{'+' if value > 0 else '−'}{number(abs(value))}"
