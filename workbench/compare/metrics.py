"""What is measured, in which unit, and which way is better. Used by the reports and `worse`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One figure: its key in the JSON, the words for a column head, and its unit."""

    key: str
    label: str
    unit: str
    more_is_better: bool = False

    @property
    def head(self) -> str:
        """Label and unit, as the head of a column."""
        return f"{self.label} ({self.unit})"

    def worse(self, before: float, after: float) -> bool:
        return after < before if self.more_is_better else after > before


CALLS, STATEMENTS, REQUESTS = "framework calls", "SQL statements", "HTTP requests"

# What a test costs, and what it checks. For some tests together, these are added up, but of the
# depth the maximum is taken.
COST = (
    Metric("calls", "set-up, body and tear-down", CALLS),
    Metric("setup_calls", "set-up", CALLS),
    Metric("shared_calls", "set-up that a wider scope shares", CALLS),
    Metric("body_calls", "body", CALLS),
    Metric("teardown_calls", "tear-down", CALLS),
    Metric("setup_sql", "set-up", STATEMENTS),
    Metric("body_sql", "body", STATEMENTS),
    Metric("teardown_sql", "tear-down", STATEMENTS),
    Metric("setup_app_requests", "set-up or tear-down, to the app", REQUESTS),
    Metric("body_app_requests", "body, to the app", REQUESTS),
    Metric("setup_outside_requests", "set-up or tear-down, to the outside", REQUESTS),
    Metric("body_outside_requests", "body, to the outside", REQUESTS),
    Metric("fixtures", "fixtures set up", "number"),
    Metric("fixture_depth", "deepest chain of fixtures", "levels"),
    Metric("tests", "tests", "number"),
    Metric("assertions", "assertions", "number", more_is_better=True),
)

# The median test has the same figures, but their number.
MEDIAN = tuple(metric for metric in COST if metric.key != "tests")

NO_SETUP = Metric("percent", "tests without a framework call in set-up", "%", more_is_better=True)

# By how much the same test on the same code may differ, as a part of what it costs before.
CONTROL_LIMIT = 0.01

# What a suite reaches in a layer of its package.
COVERAGE = (
    Metric("lines_percent", "lines reached", "%", more_is_better=True),
    Metric("branches_percent", "branches reached", "%", more_is_better=True),
    Metric("by_body_percent", "lines of functions that a test's body reaches", "%", True),
    Metric("by_setup_only_percent", "lines of functions that only set-up reaches", "%"),
)

# How much code there is. A layer that is new in *after* is compared with nothing.
SIZE = (
    Metric("files", "files", "number"),
    Metric("lines", "lines of code", "lines"),
    Metric("classes", "classes", "number"),
    Metric("functions", "functions", "number"),
)

# How that code is cut up. Only layers that are in both versions are compared.
SHAPE = (
    Metric("median_function", "median function", "lines"),
    Metric("longest_function", "longest function", "lines"),
)
