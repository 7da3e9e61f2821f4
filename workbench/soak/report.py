"""The report of a soak: a ratio, a verdict on the memory, and a table of the answers."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from workbench.bench.results import ratio

# The last third of the rounds may have this much more in memory than the middle third. Without
# a leak it was 0.3 to 0.6 % in sixteen measurements. The first third does not count: caches fill.
MEMORY_SLACK = 0.02

MEGABYTE = 1_000_000


def grows(samples: Sequence[int]) -> bool:
    """Return whether a memory grows: by the medians of the last and of the middle third.

    There are at least three samples, the earliest first.
    """
    middle, last = _thirds(samples)
    return last > middle * (1 + MEMORY_SLACK)


def _thirds(samples: Sequence[int]) -> tuple[float, float]:
    third = len(samples) // 3
    return (
        statistics.median(samples[-2 * third : -third]),
        statistics.median(samples[-third:]),
    )


def describe_memory(name: str, samples: Sequence[int]) -> str:
    """Return a line about the memory of all workers of a shop at start, middle and end."""
    start, middle, end = samples[0], samples[len(samples) // 2], samples[-1]
    middle_third, last_third = _thirds(samples)
    verdict = "it grows" if grows(samples) else "it does not grow"
    return (
        f"  {name:<8}{start / MEGABYTE:.0f} MB at the start, {middle / MEGABYTE:.0f} MB in the"
        f" middle, {end / MEGABYTE:.0f} MB at the end: {verdict}"
        f" (last third ÷ middle third: {last_third / middle_third:.3f})"
    )


def describe_throughput(rates: Mapping[str, Sequence[float]]) -> str:
    """Return a line about the requests a second of both shops, given pair by pair."""
    median, (low, high) = ratio(rates["before"], rates["after"])
    before, after = (statistics.median(rates[name]) for name in ("before", "after"))
    return (
        f"  after ÷ before: {median:.3f}, quartiles {low:.3f}–{high:.3f}, of"
        f" {len(rates['before'])} pairs of rounds ({before:.0f}/s → {after:.0f}/s)"
    )


def table(counts: Mapping[str, Counter[tuple[str, str]]]) -> str:
    """Return how many requests of each kind had which status, by the name of the shop."""
    rows = sorted({row for counted in counts.values() for row in counted})
    lines = [_line("", "", *counts)]
    lines += [_line(*row, *(counted[row] for counted in counts.values())) for row in rows]
    lines.append(_line("in all", "", *(counted.total() for counted in counts.values())))
    return "\n".join(lines)


def _line(kind: str, status: str, *cells: object) -> str:
    return f"  {kind:<14}{status:<6}" + "".join(f"{cell:>8}" for cell in cells)
