"""How time is taken: the CPU time of this process, with the garbage collector held back.

CPU time, because other programs on the machine disturb it less than they disturb the clock on
the wall. Nothing that is timed with it waits: there is no disk, and no network.
"""

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Windows counts CPU time in steps of 15 ms: longer than most of what is timed here.
clock = time.perf_counter if os.name == "nt" else time.process_time


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
