"""Random journeys through both apps, and the shortest one that shows a difference.

Hypothesis generates a journey, which is done in both apps. Where they differ, or a rule is broken,
the journey is shortened. `python -m tests.equivalence.journeys` is what `make prove` starts, once
for each core.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.equivalence.oracles import Oracles, Violated
from tests.equivalence.random_steps import SLUGS, steps_or_story
from tests.equivalence.steps import Run, Send, Step, Wait, Webhook
from tests.equivalence.world import SECURE_SITE, SITE, Different, World

LONGEST = 50
# Hypothesis begins each run with its simplest journey: runs are not to be too short for that.
MOST_JOURNEYS_AT_ONCE = 50


@dataclass
class Tally:
    """What was done so far, for the table at the end."""

    journeys: int = 0
    requests: int = 0
    routes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    oracles: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Failure:
    """A journey that has shown a difference, or on which an oracle has objected."""

    steps: tuple[Step, ...]
    site: str
    csrf: bool
    error: Exception

    def as_test(self) -> str:
        """Return it as a test that can be pasted into `test_kept_journeys.py`."""
        lines = ["def test_a_kept_journey(travel):", "    travel("]
        lines += [f"        {step!r}," for step in self.steps]
        lines += [f"        site={self.site!r},"] if self.site != SITE else []
        lines += ["        csrf=True,"] if self.csrf else []
        return "\n".join([*lines, "    )"])

    def text(self) -> str:
        """Return what went wrong, and the test that shows it."""
        sentence = str(self.error)
        if not isinstance(self.error, Different | Violated):
            sentence = "".join(traceback.format_exception(self.error))
        return f"{sentence}\n\n{self.as_test()}"


class Traveller:
    """Goes on journeys, and counts; `worlds` are kept open from one journey to the next."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._worlds: dict[str, World] = {}

    def close(self) -> None:
        for world in self._worlds.values():
            world.close()

    def world(self, site: str) -> World:
        if site not in self._worlds:
            self._worlds[site] = World(site)
        return self._worlds[site]

    def travel(
        self,
        steps: Sequence[Step],
        *,
        site: str = SITE,
        csrf: bool = False,
        done: list[Step] | None = None,
    ) -> None:
        """Do these steps; raise Different or Violated at the first that shows something.

        `done` is filled with the steps up to there.
        """
        with ExitStack() as stack:
            journey = Journey(stack.enter_context(self.world(site).opened(csrf=csrf)), self.tally)
            for step in steps:
                if done is not None:
                    done.append(step)
                journey.take(step)
            journey.finish()


class Journey:
    """One journey through an open world, with the oracles."""

    def __init__(self, world: World, tally: Tally) -> None:
        self._world = world
        self._tally = tally
        self._oracles = Oracles(world.site)
        self._oracles.begin(world.sides[0].rows(), world.sides[0].outside)

    def take(self, step: Step) -> None:
        """Do a step in both apps, compare, and ask the oracles."""
        seen = self._world.take(step)
        self._oracles.check(step, seen, self._world.sides[0].outside)
        for reply in seen.answers:
            self._tally.requests += 1
            self._tally.statuses[str(reply.status)] += 1
        self._tally.routes[kind_of(step)] += 1
        self._tally.faults.update(f"{fault.point} {fault.effect}" for fault in seen.faults)
        self._tally.oracles.update(self._oracles.checked)
        self._oracles.checked.clear()

    def finish(self) -> None:
        """Let the scheduler do what is left: nothing may stay half done."""
        for job in ("reconcile", "expire", "reconcile"):
            self.take(Run(f"jobs {job}"))


def kind_of(step: Step) -> str:
    """Return what a step is counted as: method and route, or the command."""
    match step:
        case Send():
            parts = [part for part in step.path.split("/") if part]
            shape = "/".join(
                "*" if part.startswith("<") or part in SLUGS else part for part in parts
            )
            return f"{step.method} /{shape}"
        case Webhook():
            return "webhook"
        case Run():
            return step.words.split(" -")[0]
    return "time passes"


def machine(
    traveller: Traveller, failures: list[Failure], on_progress: Callable[[Tally], None]
) -> type[RuleBasedStateMachine]:
    """Return a state machine that goes on journeys, and notes the one that shows something."""

    class JourneyMachine(RuleBasedStateMachine):
        @initialize(
            site=st.sampled_from((SITE, SITE, SITE, SECURE_SITE)),
            csrf=st.sampled_from((False,) * 7 + (True,)),
        )
        def begin(self, site: str, csrf: bool) -> None:
            self.steps: list[Step] = []
            self.site, self.csrf = site, csrf
            self.shop = ExitStack()
            world = self.shop.enter_context(traveller.world(site).opened(csrf=csrf))
            self.journey = Journey(world, traveller.tally)
            traveller.tally.journeys += 1

        @rule(several=steps_or_story())
        def take(self, several: tuple[Step, ...]) -> None:
            for step in several[: LONGEST - len(self.steps)]:
                self.steps.append(step)
                self.do(partial(self.journey.take, step))

        def teardown(self) -> None:
            try:
                if not failures:
                    self.do(self.journey.finish)
            finally:
                self.shop.close()
            on_progress(traveller.tally)

        def do(self, act: Callable[[], None]) -> None:
            try:
                act()
            except Exception as error:
                failures.append(Failure(tuple(self.steps), self.site, self.csrf, error))
                raise

    return JourneyMachine


def explore(
    traveller: Traveller,
    *,
    requests: int,
    number: int,
    on_progress: Callable[[Tally], None] = lambda tally: None,
) -> Failure | None:
    """Go on random journeys until so many requests were made; the same number, the same ones.

    Return the first journey that has shown something, as it was found.
    """
    set_hypothesis_home_dir("build/cache/hypothesis")
    failures: list[Failure] = []
    for batch in count():
        left = requests - traveller.tally.requests
        if left <= 0:
            return None
        journeys = min(MOST_JOURNEYS_AT_ONCE, 1 + left // LONGEST)
        kind = seed(number * 1_000_000 + batch)(machine(traveller, failures, on_progress))
        try:
            run_state_machine_as_test(kind, settings=generate_only(journeys))
        except Exception as error:
            # Without a failure, no shop could be opened at all.
            return failures[0] if failures else Failure((), SITE, False, error)
    raise AssertionError("count() does not end")


def generate_only(journeys: int) -> settings:
    """Return the settings for Hypothesis for so many journeys."""
    return settings(
        max_examples=journeys,
        stateful_step_count=LONGEST,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # The steps are shortened by `shorten`, which understands the steps and is faster.
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        print_blob=False,
    )


# Shortening.


def shorten(traveller: Traveller, failure: Failure) -> Failure:
    """Return the shortest journey found that fails with the same type of error."""
    shortest = failure
    for candidates in (_with_fewer_steps, _with_simpler_steps, _with_fewer_steps):
        shortest = _improve(traveller, shortest, candidates)
    return shortest


def _improve(
    traveller: Traveller, failure: Failure, candidates: Callable[[Failure], Iterator[Failure]]
) -> Failure:
    """Take the first candidate that still fails, again and again until none does."""
    tried: set[str] = set()
    found: Failure | None = failure
    while found is not None:
        failure, found = found, None
        for candidate in candidates(failure):
            if candidate.as_test() not in tried:
                tried.add(candidate.as_test())
                found = _fails(traveller, candidate, type(failure.error))
            if found is not None:
                break
    return failure


def _fails(traveller: Traveller, failure: Failure, kind: type[Exception]) -> Failure | None:
    """Return the journey up to where it fails, if it fails as it should."""
    done: list[Step] = []
    try:
        traveller.travel(failure.steps, site=failure.site, csrf=failure.csrf, done=done)
    except kind as error:
        return replace(failure, steps=tuple(done), error=error)
    except Exception:
        return None
    return None


def _with_fewer_steps(failure: Failure) -> Iterator[Failure]:
    steps = failure.steps
    size = len(steps)
    while size:
        for start in range(0, len(steps), size):
            yield replace(failure, steps=steps[:start] + steps[start + size :])
        size //= 2


def _with_simpler_steps(failure: Failure) -> Iterator[Failure]:
    if failure.csrf:
        yield replace(failure, csrf=False)
    if failure.site != SITE:
        yield replace(failure, site=SITE)
    for place, step in enumerate(failure.steps):
        for simpler in _simpler(step):
            steps = (*failure.steps[:place], simpler, *failure.steps[place + 1 :])
            yield replace(failure, steps=steps)


def _simpler(step: Step) -> Iterator[Step]:
    """Yield the step with something left out of it."""
    if isinstance(step, Wait):
        return
    for place in range(len(step.faults)):
        yield replace(step, faults=step.faults[:place] + step.faults[place + 1 :])
    for place, fault in enumerate(step.faults):
        if fault.effect == "lets in":
            for simpler in _simpler(fault.detail):
                changed = replace(fault, detail=simpler)
                faults = (*step.faults[:place], changed, *step.faults[place + 1 :])
                yield replace(step, faults=faults)
    if isinstance(step, Send):
        for name in ("form", "query", "headers", "cookies"):
            for left_out in getattr(step, name):
                kept = {key: text for key, text in getattr(step, name).items() if key != left_out}
                yield replace(step, **{name: kept})
        if step.who == "eve":
            yield replace(step, who="ada")


# As a program.


def main(argv: Sequence[str]) -> int:
    """Explore, and report in lines of JSON: progress, and at the end what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args(argv)

    def report(**more: Any) -> None:
        print(json.dumps({**vars(traveller.tally), **more}), flush=True)

    traveller = Traveller()
    try:
        failure = explore(
            traveller,
            requests=options.requests,
            number=options.seed,
            on_progress=lambda tally: report(),
        )
        if failure is None:
            report(done=True, failure=None)
            return 0
        # What it takes to shorten it is not part of what was done.
        report(done=True, failure=failure.text())
        traveller.tally = Tally()
        shortest = shorten(traveller, failure)
        print(json.dumps({"shortest": shortest.text()}), flush=True)
        return 1
    finally:
        traveller.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
