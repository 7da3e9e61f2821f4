"""What happens to a shop while it has visitors: kills, jobs, and failures of others."""

import time
from datetime import UTC, datetime
from random import Random
from threading import Event

from workbench.run import JOBS
from workbench.soak.invariants import AT_ANY_MOMENT, breaches
from workbench.soak.shops import Shop, finish_job

# Seconds, the shortest and the longest.
BETWEEN_KILLS = (3.0, 7.0)
BETWEEN_JOBS = (0.5, 2.5)
# A job begins to work after about a second, and is done soon after.
JOB_LIVES = (0.8, 1.6)


class Disturbances:
    """Kills workers, runs jobs, lets holds and offers lapse, and gateway and mail server fail.

    `findings` has a sentence for each job that fails, and for each invariant that does not hold
    at any moment.
    """

    def __init__(self, shop: Shop, seed: str) -> None:
        self.shop = shop
        self.jobs_run = 0
        # By the clock that never goes back.
        self.job_kills: list[float] = []
        self.findings: list[str] = []
        self._seed = seed

    def kill_workers(self, until: float, stop: Event) -> None:
        """Kill one worker after the other until then; gunicorn starts new ones."""
        random = Random(f"{self._seed} kills")
        while not stop.wait(random.uniform(*BETWEEN_KILLS)) and time.monotonic() < until:
            workers = self.shop.workers()
            try:
                # The one that was killed last may have no successor yet.
                if workers:
                    self.shop.kill(random.choice(workers))
            except ProcessLookupError:
                self.findings.append("A worker has ended that was not killed.")

    def run_jobs(self, until: float, stop: Event) -> None:
        """Run one job after the other until then, some of them twice at once; kill some."""
        random = Random(f"{self._seed} jobs")
        while time.monotonic() < until and not stop.is_set():
            self.shop.lapse("holds", "offers")
            self.shop.fail_outside(mails=random.randint(0, 3), calls=random.randint(0, 3))
            self._run_job(random, stop)
            with self.shop.engine.connect() as connection:
                self.findings += breaches(connection, datetime.now(UTC), AT_ANY_MOMENT)
            stop.wait(random.uniform(*BETWEEN_JOBS))

    def _run_job(self, random: Random, stop: Event) -> None:
        job = random.choice(list(JOBS))
        processes = [self.shop.start_job(job) for _ in range(random.choice([1, 2]))]
        self.jobs_run += len(processes)
        if random.random() < 0.25:
            stop.wait(random.uniform(*JOB_LIVES))
            killed = processes.pop()
            # It may be done already.
            if killed.poll() is None:
                self.job_kills.append(time.monotonic())
            killed.kill()
            killed.communicate()
        for process in processes:
            if finish_job(process) is None:
                self.findings.append(f"The job {job} failed.")
