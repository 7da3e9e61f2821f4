"""Reads `SERVICES`: which blueprint uses which service, and with which settings.

It is `{blueprint: {ClassName: settings}}`, where settings are `(args, kwargs)`, or keyword
arguments alone.
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .support.config import PREFIX

Configured = dict[tuple[str, str], tuple[Sequence[Any], Mapping[str, Any]]]
"""The arguments (args, kwargs) by blueprint and class name."""


def read_services(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Configured:
    """Return the installation's `SERVICES`, laid over the defaults entry by entry.

    They are those of `config`, else of the environment: a dict, or the path of a TOML file. Stops
    the program with one sentence if they cannot be read.
    """
    given = config.get("SERVICES", os.environ.get(f"{PREFIX}SERVICES") or {})
    if isinstance(given, str):
        given = _read_file(given)
    return {**_read_entries(defaults), **_read_entries(given)}


def path_of(blueprint: str, name: str) -> str:
    """Return where in `SERVICES` a service is configured."""
    return f"SERVICES[{blueprint!r}][{name!r}]"


def _read_file(path: str) -> Any:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # Without the path: a text that was meant to be no path may have secrets in it.
        reason = error.strerror if isinstance(error, OSError) else error
        raise SystemExit(
            f"SERVICES cannot be read ({reason}): give the path of a TOML file."
        ) from None


def _read_entries(given: Any) -> Configured:
    return {
        (blueprint, name): _read_settings(path_of(blueprint, name), settings)
        for blueprint, entries in _read_names("SERVICES", given).items()
        for name, settings in _read_names(f"SERVICES[{blueprint!r}]", entries).items()
    }


def _read_settings(path: str, given: Any) -> tuple[Sequence[Any], Mapping[str, Any]]:
    match given:
        case [list() | tuple() as args, kwargs]:
            return args, _read_names(f"{path}[1]", kwargs)
        case Mapping():
            return (), _read_names(path, given)
    raise _wrong_type(path, given, "keyword arguments (a dict), or [args, kwargs]")


def _read_names(path: str, given: Any) -> Mapping[str, Any]:
    if isinstance(given, Mapping) and all(name and isinstance(name, str) for name in given):
        return given
    raise _wrong_type(path, given, "a dict whose keys are names")


def _wrong_type(path: str, given: Any, accepted: str) -> SystemExit:
    # Not the value itself: there are secrets among them.
    return SystemExit(f"{path} is of type {type(given).__name__}: give {accepted}.")
