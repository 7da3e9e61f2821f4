"""The load on both shops: timed rounds in turns, then both at once, with disturbances."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from random import Random
from threading import Event

from workbench.environment import Problem
from workbench.soak.disturbances import Disturbances
from workbench.soak.sample_data import PAYING_CARDS, SLOW_CARD
from workbench.soak.shops import Shop
from workbench.soak.visitors import Visitor

# The same number for each third of the time: by the thirds the memory is judged.
PAIRS = 9


class Load:
    """The visitors of each shop, and what was measured while they were there.

    `rates` are requests a second, `memory` bytes of all workers, one for each round; all of it by
    the name of the shop. `stop` ends everything that goes on.
    """

    def __init__(self, shops: Sequence[Shop], clients: int, seed: int) -> None:
        self.shops = {shop.name: shop for shop in shops}
        self.visitors = {
            name: [Visitor(shop, number) for number in range(clients)]
            for name, shop in self.shops.items()
        }
        self.disturbances = {
            name: Disturbances(shop, f"{seed} {name}") for name, shop in self.shops.items()
        }
        self.rates: dict[str, list[float]] = {name: [] for name in self.shops}
        self.memory: dict[str, list[int]] = {name: [] for name in self.shops}
        self.stop = Event()
        self._clients = clients
        self._seed = seed

    def timed_rounds(self, seconds: float) -> None:
        """Let visitors come to one shop, then to the other, in turns; measure each round.

        In a pair of rounds the visitors of both shops make the same random choices. The first
        pair is not counted: it pays for templates and statements.
        """
        names = list(self.shops)
        each = seconds / (PAIRS + 1) / len(names)
        for pair in range(PAIRS + 1):
            # The first one is second in the next pair, in case the order makes a difference.
            for name in names if pair % 2 else reversed(names):
                answered = self._timed_round(name, pair, each)
                if pair and not answered:
                    raise Problem(f"{name} answers nothing in {each:.1f} s: give more --seconds.")
                if pair:
                    self.rates[name].append(answered / each)
                    self.memory[name].append(self.shops[name].memory())

    def _timed_round(self, name: str, pair: int, seconds: float) -> int:
        until = time.monotonic() + seconds
        with self.threads(self._clients) as pool:
            visits = self._let_in(pool, name, f"pair {pair}", until)
            return sum(visit.result() for visit in visits)

    def run_disturbed(self, seconds: float) -> None:
        """Let visitors come to both shops at once, while workers are killed and jobs run."""
        until = time.monotonic() + seconds
        with self.threads((self._clients + 2) * len(self.shops)) as pool:
            running: list[Future[int] | Future[None]] = []
            for name, disturbances in self.disturbances.items():
                for visitor in self.visitors[name]:
                    # Not in the timed rounds: it would time the gateway.
                    visitor.cards = (*PAYING_CARDS, SLOW_CARD)
                running += self._let_in(pool, name, "disturbed", until)
                running.append(pool.submit(disturbances.kill_workers, until, self.stop))
                running.append(pool.submit(disturbances.run_jobs, until, self.stop))
            for thread in running:
                thread.result()

    def _let_in(
        self, pool: ThreadPoolExecutor, name: str, when: str, until: float
    ) -> list[Future[int]]:
        visits = []
        for visitor in self.visitors[name]:
            visitor.random = Random(f"{self._seed} {when} {visitor.number}")
            visits.append(pool.submit(visitor.visit, until, self.stop))
        return visits

    @contextmanager
    def threads(self, number: int) -> Iterator[ThreadPoolExecutor]:
        """Wait for the threads at the end; after an error or Ctrl-C let them end early."""
        with ThreadPoolExecutor(number) as pool:
            try:
                yield pool
            except BaseException:
                self.stop.set()
                raise

    def counts(self) -> dict[str, Counter[tuple[str, str]]]:
        """Return the requests by kind and status, by the name of the shop."""
        return {
            name: sum((visitor.counts for visitor in visitors), Counter())
            for name, visitors in self.visitors.items()
        }
