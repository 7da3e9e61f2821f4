"""What a soak has to say: a ratio, a verdict on the memory, and a table of the answers."""

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
    kinds = sorted({kind for counted in counts.values() for kind, _ in counted})
    width = max(len(_statuses(counted, kind)) for counted in counts.values() for kind in kinds) + 2
    lines = [f"  {'':<15}" + "".join(f"{name:<{width}}" for name in counts)]
    for kind in kinds:
        cells = "".join(f"{_statuses(counted, kind):<{width}}" for counted in counts.values())
        lines.append(f"  {kind:<15}{cells}".rstrip())
    totals = "".join(f"{counted.total():<{width}}" for counted in counts.values())
    return "\n".join([*lines, f"  {'in all':<15}{totals}".rstrip()])


def _statuses(counted: Counter[tuple[str, str]], kind: str) -> str:
    found = sorted((status, number) for (of, status), number in counted.items() if of == kind)
    return ", ".join(f"{status}: {number}" for status, number in found)
