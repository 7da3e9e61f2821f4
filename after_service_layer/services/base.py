"""How a service is asked for: by its class, and by the blueprint that it is configured for."""

from typing import ClassVar, Protocol, Self, TypeVar


class NoConfiguredService(LookupError):
    """Nothing is configured for this class and this blueprint; the text says what is."""


class Service:
    """A use case with dependencies and, where a blueprint wants some, settings of its own."""

    # `wiring.py` sets it: this module imports no framework.
    locator: ClassVar["Locator | None"] = None

    @classmethod
    def from_context(cls, blueprint_name: str | None = None) -> Self:
        """Return the one service of this class for a blueprint in the current context.

        Without a name, for the blueprint that answers the current request. Raises
        NoConfiguredService, and whatever the constructor raises.
        """
        if cls.locator is None:
            raise NoConfiguredService(
                f"{cls.__name__}: import the app first, which configures it."
            )
        return cls.locator.find(cls, blueprint_name)


AnyService = TypeVar("AnyService", bound=Service)


class Locator(Protocol):
    def find(self, kind: type[AnyService], blueprint_name: str | None) -> AnyService:
        """Return the service; raise NoConfiguredService."""
