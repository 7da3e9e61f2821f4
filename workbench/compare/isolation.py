"""What keeps the count of one test clear of other tests, of chance, and of memory addresses."""

import gc
import importlib
import importlib.util
import os
import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from workbench.compare.ledger import is_library

CAN_FORK = hasattr(os, "fork")


def in_own_process(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work in a fork of this process, and return what it returned.

    Where there is no fork, which is on Windows, the work is done right here; the report says so.
    """
    if not CAN_FORK:
        return work()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        answer_and_exit(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        received = pipe.read()
    os.waitpid(child, 0)
    answer: dict[str, Any] = pickle.loads(received) if received else {"crash": "It ended early."}
    if "crash" in answer:
        pytest.exit(f"A test could not be measured. {answer['crash']}", returncode=3)
    return answer


def answer_and_exit(work: Callable[[], dict[str, Any]], writer: int) -> None:
    try:
        answer = work()
    except BaseException:
        answer = {"crash": traceback.format_exc()}
    with os.fdopen(writer, "wb") as pipe:
        pickle.dump(answer, pipe)
    # Not sys.exit: what pytest does at its end is for the parent to do.
    os._exit(0)


def settle_memory() -> None:
    """Collect garbage, and have the collector never look again at what is there now."""
    gc.collect()
    gc.freeze()


def import_libraries(modules: Sequence[str]) -> None:
    """Import what a test imported lazily, unless it is code of the project.

    This spares the processes after it much of their warm-up, and changes nothing else: without
    it, each of them would import the same.
    """
    for name in modules:
        spec = None
        with suppress(ImportError, ValueError):
            spec = importlib.util.find_spec(name)
        if spec and spec.origin and is_library(spec.origin):
            with suppress(Exception):
                importlib.import_module(name)


def order_flushes() -> None:
    """Make SQLAlchemy's flush take objects in the order in which they came.

    It keeps those to be saved in sets, whose order follows memory addresses. So the same test
    loads a child now through this relationship and now through that one, and the count swings
    by a few calls. With ordered sets in the same places it is the same each time.
    """
    if "sqlalchemy.orm" not in sys.modules:
        return
    ordered = importlib.import_module("sqlalchemy.util").OrderedSet
    for name in ("dependency", "identity", "mapper", "session", "unitofwork"):
        vars(importlib.import_module(f"sqlalchemy.orm.{name}"))["set"] = ordered
    vars(importlib.import_module("sqlalchemy.util.topological"))["set"] = ordered
