"""What was measured, what was promised, and whether the one holds the other."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class Result:
    """One line of the report.

    `exact` marks a count, the same on every machine; all else is a time, and depends on the
    machine. `quartiles` are those of the samples that `measured` is the median of.
    """

    section: str
    what: str
    unit: str
    target: float
    measured: float
    quartiles: tuple[float, float] | None = None
    note: str = ""
    exact: bool = False

    @property
    def verdict(self) -> str:
        """Return "held" or "missed"."""
        return "held" if self.measured <= self.target else "missed"


class Spread(NamedTuple):
    """The middle of some samples, and the quartiles around it."""

    median: float
    quartiles: tuple[float, float]


def spread(samples: Sequence[float]) -> Spread:
    """Return the median and the quartiles of at least two samples."""
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(median, (low, high))


def ratio_result(
    section: str,
    what: str,
    target: float,
    ratios: Sequence[float],
    seconds: tuple[Sequence[float], Sequence[float]],
) -> Result:
    """Return the median of some ratios, with the median seconds of both sides as a note."""
    ratio = spread(ratios)
    milliseconds = [1000 * statistics.median(side) for side in seconds]
    return Result(
        section=section,
        what=what,
        unit="×",
        target=target,
        measured=ratio.median,
        quartiles=ratio.quartiles,
        note="{:.2f} ms → {:.2f} ms".format(*milliseconds),
    )


def paired_ratios(base: Sequence[float], other: Sequence[float]) -> list[float]:
    """Return how many times as long `other` takes, pair by pair.

    What slows the machine down for a moment slows both halves of a pair, and so drops out.
    """
    return [b / a for a, b in zip(base, other, strict=True)]
