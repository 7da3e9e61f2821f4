"""Returns services: one object for each class, blueprint and application context."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import cast

from flask import Flask, current_app, g, request

from .service_settings import Configured
from .services.base import AnyService, NoConfiguredService, Service

log = logging.getLogger(__name__)


class ContextLocator:
    """Implements `services.base.Locator` with Flask's application context.

    A factory takes the name of a blueprint, and what `SERVICES` has for it. A class without a
    factory is made from its entry in `SERVICES` alone.
    """

    def __init__(self, factories: Mapping[type[Service], Callable[..., Service]]) -> None:
        self._factories = factories
        self._fakes: dict[tuple[type[Service], str | None], object] = {}
        # A service that was made with one set of fakes is not returned with another.
        self._set_of_fakes = object()

    def init_app(self, app: Flask, configured: Configured) -> None:
        """Use this configuration in the app, and close its services with their context."""
        app.extensions["services"] = configured
        app.teardown_appcontext(close_services)

    def find(self, kind: type[AnyService], blueprint_name: str | None = None) -> AnyService:
        """Return the service of this context; raise NoConfiguredService."""
        configured = current_app.extensions.get("services", {}) if current_app else {}
        blueprint = blueprint_name or (request.blueprint if request else None)
        if not current_app:
            problem = "there is no application context"
        elif blueprint is None:
            problem = "no blueprint answers here, so name one"
        elif (blueprint, kind.__name__) in configured or self._fake(kind, blueprint) is not None:
            return self.get(kind, blueprint)
        else:
            problem = f"it is not configured for the blueprint {blueprint!r}"
        known = ", ".join(f"{name} for {blueprint}" for blueprint, name in configured)
        raise NoConfiguredService(f"{kind.__name__}: {problem}. Configured: {known or 'nothing'}.")

    def get(self, kind: type[AnyService], blueprint: str) -> AnyService:
        """Return the service of this context, also one that only other services depend on."""
        fake = self._fake(kind, blueprint)
        if fake is not None:
            return cast(AnyService, fake)
        made = g.setdefault("services", {})
        key = kind, blueprint, self._set_of_fakes
        if key not in made:
            configured = current_app.extensions["services"]
            args, kwargs = configured.get((blueprint, kind.__name__), ((), {}))
            make = partial(self._factories[kind], blueprint) if kind in self._factories else kind
            made[key] = make(*args, **kwargs)
        return cast(AnyService, made[key])

    @contextmanager
    def override(
        self, kind: type[Service], fake: object, *, blueprint_name: str | None = None
    ) -> Iterator[None]:
        """Return `fake` until the block ends, also to the services that depend on one.

        For tests: it holds in the whole process, for all its apps and threads. Blocks can be
        nested. Without a name it is for every blueprint. The fake is not closed.
        """
        before = self._fakes, self._set_of_fakes
        self._fakes, self._set_of_fakes = {**self._fakes, (kind, blueprint_name): fake}, object()
        try:
            yield
        finally:
            self._fakes, self._set_of_fakes = before

    def _fake(self, kind: type[Service], blueprint: str) -> object | None:
        return self._fakes.get((kind, blueprint), self._fakes.get((kind, None)))


def close_services(error: BaseException | None = None) -> None:
    """Close what this context has made and has a `close`, the last first."""
    for service in reversed(g.pop("services", {}).values()):
        try:
            getattr(service, "close", lambda: None)()
        except Exception:
            log.exception("%s cannot be closed.", type(service).__name__)
