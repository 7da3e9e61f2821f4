"""Hands out services: for each class and blueprint one, as long as an application context lasts.

Flask's side of `services/base.py`. It reads `SERVICES`, which is `{blueprint: {ClassName: (args,
kwargs)}}`; what else a service is made of, `wiring.py` tells it.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from inspect import signature
from itertools import count
from typing import Any, NamedTuple, Protocol, cast

from flask import Flask, current_app, g, has_app_context, has_request_context, request

from .services.base import AnyService, NoConfiguredService, Service
from .support.config import PREFIX

log = logging.getLogger(__name__)


class Sibling(Protocol):
    """Returns the service of a class for the same blueprint."""

    def __call__(self, kind: type[AnyService], /) -> AnyService: ...


class Settings(NamedTuple):
    """What the configuration hands to a constructor."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


NO_SETTINGS = Settings((), {})

Collaborators = Callable[[str, Sibling], Mapping[str, Callable[[], Any]]]
"""Returns for a blueprint, by the name of a constructor's parameter, how to get what it needs."""


class ContextLocator:
    """Implements `services.base.Locator` with Flask's application context."""

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators
        self._fakes: dict[tuple[type[Service], str | None], object] = {}
        # Services made with a fake are not those made without it, or with another.
        self._numbers = count(1)
        self._override_number = 0

    def init_app(self, app: Flask, defaults: Mapping[str, Any]) -> None:
        """Read the configuration, laid over the defaults; end services with their context.

        Each service that is known is made once, so that the program stops here, with one
        sentence, and not at a sale.
        """
        app.extensions["services"] = configured = read_services(defaults)
        for blueprint, entries in read_services(given_services(app)).items():
            configured.setdefault(blueprint, {}).update(entries)
        app.teardown_appcontext(close_services)
        with app.app_context():
            for blueprint, entries in configured.items():
                for name in entries:
                    self._try(blueprint, name)

    def find(self, kind: type[AnyService], blueprint_name: str | None = None) -> AnyService:
        """Return the service of this context; raise NoConfiguredService."""
        if not has_app_context():
            raise NoConfiguredService(f"{kind.__name__}: there is no application context.")
        blueprint = blueprint_name or blueprint_of_request(kind)
        is_configured = kind.__name__ in configured_services().get(blueprint, {})
        if not is_configured and not self._is_faked(kind, blueprint):
            raise NoConfiguredService(
                f"{kind.__name__} is not configured for the blueprint {blueprint!r}. {overview()}"
            )
        return self._get(blueprint, kind)

    @contextmanager
    def override(
        self, kind: type[Service], fake: object, *, blueprint_name: str | None = None
    ) -> Iterator[None]:
        """Hand out `fake` until the block ends, also to the services that need one of its kind.

        For tests: it holds in the whole process, for all its apps and threads. Blocks are to be
        nested. Without a name it is for every blueprint. Nobody closes the fake.
        """
        before = self._fakes, self._override_number
        self._fakes = {**self._fakes, (kind, blueprint_name): fake}
        self._override_number = next(self._numbers)
        try:
            yield
        finally:
            self._fakes, self._override_number = before

    def _is_faked(self, kind: type[Service], blueprint: str) -> bool:
        return (kind, blueprint) in self._fakes or (kind, None) in self._fakes

    def _get(self, blueprint: str, kind: type[AnyService]) -> AnyService:
        """Return the service: the fake, the one that was made already, or a new one.

        One that another service needs may have settings of its own, and need not.
        """
        if self._is_faked(kind, blueprint):
            wanted = (kind, blueprint) if (kind, blueprint) in self._fakes else (kind, None)
            return cast(AnyService, self._fakes[wanted])
        made = g.setdefault("services", {})
        key = kind, blueprint, self._override_number
        if key not in made:
            made[key] = self._make(blueprint, kind)
        return cast(AnyService, made[key])

    def _make(self, blueprint: str, kind: type[AnyService]) -> AnyService:
        own = configured_services().get(blueprint, {}).get(kind.__name__, NO_SETTINGS)
        known = self._collaborators(blueprint, partial(self._get, blueprint))
        wanted = parameters_of(kind.__init__)
        try:
            needed = {name: known[name]() for name in wanted if name in known}
            return kind(*own.args, **own.kwargs, **needed)
        except (TypeError, ValueError) as error:
            settings = [name for name in wanted if name not in known]
            error.add_note(
                f"SERVICES[{blueprint!r}][{kind.__name__!r}]: {str(error).rstrip('.')}."
                f" Settings of {kind.__name__}: {', '.join(settings) or 'none'}."
            )
            raise

    def _try(self, blueprint: str, name: str) -> None:
        """Make the service of this name once, if it is one of the shop's own."""
        kinds = [kind for kind in kinds_of(Service) if kind.__name__ == name]
        if not kinds:
            log.warning("SERVICES[%r][%r]: there is no service of this name.", blueprint, name)
        for kind in kinds:
            # One from elsewhere may have the same name, and take other settings.
            if kind.__module__.startswith(f"{__package__}."):
                try:
                    self.find(kind, blueprint)
                except (TypeError, ValueError) as error:
                    # The first note is that of the service itself, or of one that it needs.
                    raise SystemExit(error.__notes__[0]) from None


def kinds_of(kind: type[Service]) -> Iterator[type[Service]]:
    """Yield all classes that are a kind of this one."""
    for direct in kind.__subclasses__():
        yield direct
        yield from kinds_of(direct)


@cache
def parameters_of(constructor: Callable[..., None]) -> tuple[str, ...]:
    """Return the names of what a constructor takes, without `self`."""
    return tuple(signature(constructor).parameters)[1:]


def configured_services() -> dict[str, dict[str, Settings]]:
    """Return what is configured for the current app, by blueprint and by class name."""
    return cast(dict[str, dict[str, Settings]], current_app.extensions.get("services", {}))


def blueprint_of_request(kind: type[Service]) -> str:
    """Return the name of the blueprint that answers; of a nested one, `parent.child`."""
    if not has_request_context():
        raise NoConfiguredService(
            f"{kind.__name__}: outside of a request, name the blueprint. {overview()}"
        )
    if request.blueprint is None:
        raise NoConfiguredService(
            f"{kind.__name__}: no blueprint answers {request.path}, so name one. {overview()}"
        )
    return request.blueprint


def overview() -> str:
    """Return a sentence that says which services are configured for which blueprint."""
    lines = [f"{name} ({', '.join(kinds)})" for name, kinds in configured_services().items()]
    return f"Configured are {', '.join(lines)}." if lines else "Nothing is configured."


def close_services(error: BaseException | None = None) -> None:
    """Close what this context has made and can be closed, the last first."""
    made: dict[Any, Any] = g.pop("services", {})
    for service in reversed(made.values()):
        try:
            getattr(service, "close", lambda: None)()
        except Exception:
            log.exception("%s cannot be closed.", type(service).__name__)


def given_services(app: Flask) -> Any:
    """Return what the caller has set, else what the environment has, as JSON."""
    if "SERVICES" in app.config:
        return app.config["SERVICES"]
    try:
        return json.loads(os.environ.get(f"{PREFIX}SERVICES") or "{}")
    except (ValueError, RecursionError) as error:
        raise SystemExit(f"{PREFIX}SERVICES is not JSON: {error}.") from None


def read_services(given: Any) -> dict[str, dict[str, Settings]]:
    """Return the configuration; stop the program with one sentence if its form is wrong."""
    path = "SERVICES"
    return {
        blueprint: {
            name: read_settings(f"{path}[{blueprint!r}][{name!r}]", entry)
            for name, entry in read_names(f"{path}[{blueprint!r}]", entries).items()
        }
        for blueprint, entries in read_names(path, given).items()
    }


def read_names(path: str, given: Any) -> Mapping[str, Any]:
    """Return a dict whose keys are names; stop the program for anything else."""
    if isinstance(given, Mapping) and all(name and isinstance(name, str) for name in given):
        return given
    raise SystemExit(f"{path} is {_type_of(given)}: give a dict whose keys are names.")


def read_settings(path: str, given: Any) -> Settings:
    """Return (args, kwargs), or a dict of keyword arguments; stop the program for others."""
    match given:
        case [list() | tuple() as args, kwargs]:
            return Settings(tuple(args), read_names(f"{path}[1]", kwargs))
        case Mapping():
            return Settings((), read_names(path, given))
    raise SystemExit(
        f"{path} is {_type_of(given)}: give the arguments of its constructor, as (args, kwargs) or"
        " as a dict of keyword arguments."
    )


def _type_of(given: Any) -> str:
    # Not the value itself: there are secrets among them.
    return f"of type {type(given).__name__}"
