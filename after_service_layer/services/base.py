"""How a service is asked for: by its class, and by the blueprint that it is configured for.

Nothing here knows a framework. Where the configuration stands, and how long a service lives, is
for the locator to know, which `wiring.py` installs.
"""

from typing import ClassVar, Protocol, Self, TypeVar


class NoConfiguredService(LookupError):
    """Nothing is configured for this class and this blueprint; the text says what is."""


class Service:
    """A use case with collaborators and, where a blueprint wants some, settings of its own."""

    locator: ClassVar["Locator | None"] = None

    @classmethod
    def from_context(cls, blueprint_name: str | None = None) -> Self:
        """Return the one service of this class for a blueprint in the current context.

        Without a name, for the blueprint that answers the current request. Raises
        NoConfiguredService, and whatever the constructor raises.
        """
        if cls.locator is None:
            raise NoConfiguredService(
                f"{cls.__name__} cannot be found: no locator is installed."
                " Call its constructor, or import the app."
            )
        return cls.locator.find(cls, blueprint_name)


AnyService = TypeVar("AnyService", bound=Service)


class Locator(Protocol):
    """Knows which blueprint uses which service, and keeps what it has made."""

    def find(self, kind: type[AnyService], blueprint_name: str | None) -> AnyService:
        """Return the service; raise NoConfiguredService."""
