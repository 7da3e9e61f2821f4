"""How figures are written, the same in the page, in Markdown and in the terminal."""

from typing import Any

from workbench.compare.metrics import CONTROL_LIMIT

NOTHING = "–"

# How many tests are named that speak against the control.
MOST_OFF = 5


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


def control_verdict(control: dict[str, Any]) -> str:
    """Whether the same test on the same code costs the same on both sides, in a sentence."""
    if not control["tests"]:
        return (
            "There is no control: no test is the same in both suites and runs code that is the"
            " same in both packages."
        )
    verdict = "The control holds" if control["holds"] else "The control does not hold"
    same = (
        f"{verdict}: {tests_are(control['tests'])} the same in both suites. Where the same code"
        " of both packages runs,"
    )
    limit = f"(within {100 * CONTROL_LIMIT:.0f} %)"
    if control["holds"]:
        return f"{same} each makes as many framework calls before as after {limit}."
    off = control["off"]
    more = f" and {len(off) - MOST_OFF} more" if len(off) > MOST_OFF else ""
    return (
        f"{same} {number(len(off))} of them do not make as many framework calls before as after"
        f" {limit}: {', '.join(off[:MOST_OFF])}{more}."
    )


def per_test(found: dict[str, Any]) -> str:
    """In how many behaviours a test got cheaper, and in how many more expensive."""
    looked_at = sum(found[key] for key in ("fewer", "same", "more"))
    return (
        f"Of {number(looked_at)} behaviours, the median test makes fewer framework calls after"
        f" than before in {number(found['fewer'])}, more in {number(found['more'])}, and as many"
        f" in {number(found['same'])}."
    )


def other_code(control: dict[str, Any]) -> str:
    """What the same tests cost where the code under them differs; empty where there are none."""
    other = control["other_code"]
    if not other:
        return ""
    return (
        f"{tests_are(other['tests'])} the same in both suites, but not all of the code that runs"
        " in them. From before to after, all their framework calls change by"
        f" × {other['median']:.2f} in the median, between × {other['lowest']:.2f} and"
        f" × {other['highest']:.2f} ({other['highest_test']})."
    )


def tests_are(count: int) -> str:
    return "1 test is" if count == 1 else f"{number(count)} tests are"


def signed(value: float) -> str:
    """A difference, always with its sign."""
    return f"{'+' if value > 0 else '−'}{number(abs(value))}"
