"""Draws what set-up each behaviour needs, before and after, as one static SVG."""

import io
import math
import os
import re
import statistics
from collections.abc import Sequence
from typing import Any

from workbench.environment import ROOT

Json = dict[str, Any]

# Colours that occur nowhere else, each replaced by a variable of the page's style sheet, so
# that the plot follows the page into dark mode.
COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--line)",
    "#030303": "var(--before)",
    "#040404": "var(--after)",
}
INK, LINE, BEFORE, AFTER = COLOURS

# Names inside the SVG that do not differ from run to run, and text that stays text.
STYLE: Any = {"svg.hashsalt": "comparison", "svg.fonttype": "none", "font.size": 9}


def setup_plot(rows: Sequence[Json]) -> str:
    """An SVG element with a row for each behaviour, the most expensive set-up before on top.

    The same figures give the same text.
    """
    # Where matplotlib keeps its list of fonts. A home folder need not be writable.
    os.environ.setdefault("MPLCONFIGDIR", str(ROOT / "build" / "cache" / "matplotlib"))
    # Not at the top of the file: this takes a second, and reads MPLCONFIGDIR.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ordered = sorted(rows, key=lambda row: (-setup_calls(row)[0], -setup_calls(row)[1], row["id"]))
    with rc_context(STYLE):
        # In inches, of which an SVG has 72 units.
        figure = Figure(figsize=(7.6, 0.9 + 0.2 * len(ordered)), layout="constrained")
        draw(figure.add_subplot(), ordered)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return for_page(svg.getvalue())


def draw(axes: Any, rows: Sequence[Json]) -> None:
    from matplotlib.ticker import FuncFormatter

    places = range(len(rows))
    before = [setup_calls(row)[0] for row in rows]
    after = [setup_calls(row)[1] for row in rows]
    axes.hlines(places, before, after, color=LINE, linewidth=2, zorder=1)
    # They differ in shape as well as in colour; where both are at one place, both can be seen.
    axes.scatter(before, places, s=44, facecolor="none", edgecolor=BEFORE, linewidth=1.4, zorder=2)
    axes.scatter(after, places, s=16, color=AFTER, zorder=3)
    axes.set_yticks(places, [row["id"] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    # A logarithmic scale that has room for nothing at all on its left.
    least = min((calls for calls in (*before, *after) if calls), default=1)
    lowest, most = int(math.log10(least)), max(1, *before, *after)
    axes.set_xscale("symlog", linthresh=10**lowest, linscale=0.6)
    axes.set_xticks([0, *(10**power for power in range(lowest, int(math.log10(most)) + 2))])
    axes.minorticks_off()
    axes.set_xlim(-0.1 * 10**lowest, 1.5 * most)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("framework calls in set-up (logarithmic)", color=INK)
    axes.xaxis.set_ticks_position("both")
    axes.tick_params(labeltop=True, colors=INK, length=0)
    axes.grid(axis="x", color=LINE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)


def setup_calls(row: Json) -> tuple[int, int]:
    """Of the median test of a behaviour."""
    return row["before"]["median"]["setup_calls"], row["after"]["median"]["setup_calls"]


def for_page(svg: str) -> str:
    """The SVG element alone, in the page's colours, and as wide as the page lets it be."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 aria-hidden="true"', element, count=1)
    for colour, variable in COLOURS.items():
        element = element.replace(colour, variable)
    return element


def summary(rows: Sequence[Json]) -> str:
    """The plot in words."""
    pairs = [setup_calls(row) for row in rows]
    less = sum(after < before for before, after in pairs)
    more = sum(after > before for before, after in pairs)
    middle = [statistics.median_low(side) for side in zip(*pairs, strict=True)]
    return (
        f"Of {len(pairs)} behaviours, the median test needs fewer framework calls in set-up after"
        f" than before in {less}, more in {more}, and as many in {len(pairs) - less - more}. For"
        f" the median behaviour they go from {middle[0]:,} to {middle[1]:,}."
    )
