"""How a command reads its arguments: what is wrong with them is one sentence."""

import argparse
from typing import Any, NoReturn

from workbench.environment import Problem


class Parser(argparse.ArgumentParser):
    """Raises Problem for arguments that are not accepted; `sentence` has a {} for the reason."""

    def __init__(self, sentence: str, **options: Any) -> None:
        super().__init__(**options)
        self.sentence = sentence

    def error(self, message: str) -> NoReturn:
        raise Problem(self.sentence.format(message))
