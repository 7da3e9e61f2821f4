"""What was measured, the target, and whether the target is met.

Time is the CPU time of this process, with the garbage collector held back: other programs on the
machine disturb it less than they disturb the clock on the wall. Nothing timed so waits.
"""

import gc
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

# Windows counts CPU time in steps of 15 ms: longer than most of what is timed here.
clock = time.perf_counter if os.name == "nt" else time.process_time


@dataclass(frozen=True)
class Result:
    """One line of the report; `quartiles` are of the samples that `measured` is the median of."""

    section: str
    what: str
    unit: str
    measured: float
    at_most: float
    quartiles: tuple[float, float] | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return "held" or "missed"."""
        return "held" if self.measured <= self.at_most else "missed"


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
    note = "{:.2f} ms → {:.2f} ms".format(*milliseconds)
    return Result(section, what, "×", median, at_most, quartiles=quartiles, note=note)


@contextmanager
def collector_off() -> Iterator[None]:
    """Let the garbage collector run only where it is called; what is there already stays."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
