"""The page kit; the option --app says which app is tested."""

from tests.kit.pages import *  # noqa: F403
