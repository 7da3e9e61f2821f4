"""How a command reads its arguments: what is wrong with them is one sentence."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from workbench.environment import Problem


class Parser(argparse.ArgumentParser):
    """Raises Problem for arguments that are not accepted; `sentence` has a {} for the reason."""

    def __init__(self, sentence: str, **options: Any) -> None:
        super().__init__(**options)
        self.sentence = sentence

    def error(self, message: str) -> NoReturn:
        raise Problem(self.sentence.format(message))


def refuse_arguments(verb: str, argv: Sequence[str]) -> None:
    """Raise Problem where a command that takes no arguments is given some."""
    Parser(f"make {verb}: {{}}; it takes none.", prog=f"python3 -m workbench {verb}").parse_args(
        argv
    )
