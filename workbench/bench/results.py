"""What was measured, what was promised, and whether the one holds the other."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Result:
    """One line of the report.

    Either `at_most` or `at_least` is the target, or neither where there is none. `exact` marks a
    count, the same on every machine; all else is a time, and depends on the machine. `quartiles`
    are those of the samples that `measured` is the median of.
    """

    section: str
    what: str
    unit: str
    measured: float
    at_most: float | None = None
    at_least: float | None = None
    quartiles: tuple[float, float] | None = None
    note: str = ""
    exact: bool = False

    @property
    def target(self) -> str:
        """Return the target as it is shown; empty where there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".rstrip()
        return "" if self.at_least is None else f"≥ {self.at_least:g} {self.unit}".rstrip()

    @property
    def verdict(self) -> str:
        """Return "held" or "missed"; empty where there is no target."""
        if not self.target:
            return ""
        too_much = self.at_most is not None and self.measured > self.at_most
        too_little = self.at_least is not None and self.measured < self.at_least
        return "missed" if too_much or too_little else "held"


def ratio(base: Sequence[float], other: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return how many times as much `other` is as `base`: the median and quartiles of the pairs.

    What disturbs the machine for a moment disturbs both halves of a pair, and so drops out.
    """
    ratios = [b / a for a, b in zip(base, other, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return median, (low, high)


def times_as_long(
    section: str, what: str, at_most: float, base: Sequence[float], other: Sequence[float]
) -> Result:
    """Return how many times as long the other takes, with the seconds of both as a note."""
    median, quartiles = ratio(base, other)
    milliseconds = [1000 * statistics.median(seconds) for seconds in (base, other)]
    return Result(
        section=section,
        what=what,
        unit="×",
        measured=median,
        at_most=at_most,
        quartiles=quartiles,
        note="{:.2f} ms → {:.2f} ms".format(*milliseconds),
    )
