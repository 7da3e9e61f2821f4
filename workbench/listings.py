"""`listings`: writes code and figures into README and docs, between their markers.

A page says in an HTML comment what it shows; the code is below it as plain Markdown, so
that the page reads the same on a code host and on the site:

    <!-- listing: FILE NAME from "TEXT" to "TEXT" -->
    <!-- /listing -->
    <!-- generated: NAME -->
    <!-- /generated -->

A listing is a file; or an object of a Python file, by its dotted NAME; or, of either, the lines
`from` the first that has a text `to` the next that has another one (with `before` instead of
`to`, that one is left out). What is generated is docs/_generated/NAME.md, which another command
has written. With `--check` nothing is written: the exit code is 1 when a page is stale.
"""

import ast
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import dedent

from workbench.arguments import Parser
from workbench.environment import ROOT, Problem

GENERATED = Path("docs/_generated")
BLOCK = re.compile(
    r"^(?P<start><!-- (?P<kind>listing|generated): (?P<what>.+) -->)\n"
    r"(?P<old>(?:(?!<!-- (?:listing|generated):).*\n)*?)"
    r"(?P<end><!-- /(?P=kind) -->)$",
    re.MULTILINE,
)
MARKER = re.compile(r"^<!-- /?(listing|generated)\b.*$", re.MULTILINE)
LANGUAGES = {".py": "python", ".toml": "toml"}
WORDS = ("from", "to", "before")


class NotThere(Exception):
    """What a marker asks for does not exist, in one sentence without the page's name."""


def main(argv: Sequence[str]) -> int:
    """Write every page that is stale, or with --check name it. Raises Problem for a bad marker."""
    parser = Parser(
        "make listings: {}; accepted is --check, or nothing.",
        prog="python3 -m workbench listings",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when stale")
    if parser.parse_args(argv).check:
        pages = list(stale(ROOT))
        for page in pages:
            print(f"{page} does not show what is in the files: `make listings` writes it anew.")
        return 1 if pages else 0
    for page in write(ROOT):
        print(f"Wrote {page}.")
    return 0


def write(root: Path) -> list[Path]:
    """Fill the pages of a checkout; return those that have changed. Raises Problem."""
    changed = stale(root)
    for page, text in changed.items():
        (root / page).write_text(text, encoding="utf-8")
    return list(changed)


def stale(root: Path) -> dict[Path, str]:
    """Return the pages that do not show what is in the files, each with its text as it should be.

    Raises Problem with a line for each marker that cannot be filled.
    """
    wrong, changed = [], {}
    for path in sorted([*root.glob("*.md"), *root.glob("docs/*.md")]):
        page = path.relative_to(root)
        text = path.read_text(encoding="utf-8")
        try:
            filled = fill(text, page, root)
        except Problem as problem:
            wrong.append(str(problem))
            continue
        if filled != text:
            changed[page] = filled
    if wrong:
        raise Problem("\n".join(wrong))
    return changed


def fill(text: str, page: Path, root: Path) -> str:
    """Return a page with every block filled anew. Raises Problem for what cannot be."""
    wrong = [
        f"{page}, line {_line(text, marker.start())}: {marker[0]} has no other end."
        for marker in _unpaired(text)
    ]

    def filled(block: re.Match[str]) -> str:
        try:
            shown = _listing if block["kind"] == "listing" else _generated
            return f"{block['start']}\n{shown(block['what'], page, root)}{block['end']}"
        except NotThere as error:
            wrong.append(f"{page}, line {_line(text, block.start())}: {error}")
            return block[0]

    result = BLOCK.sub(filled, text)
    if wrong:
        raise Problem("\n".join(wrong))
    return result


def without(text: str) -> str:
    """Return a page with empty lines in place of its blocks: what is written by hand."""
    return BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text)


def _unpaired(text: str) -> Iterator[re.Match[str]]:
    paired = {at for block in BLOCK.finditer(text) for at in (block.start(), block.start("end"))}
    return (marker for marker in MARKER.finditer(text) if marker.start() not in paired)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _generated(name: str, page: Path, root: Path) -> str:
    file = GENERATED / f"{name}.md"
    return f"\n{_read(root, str(file)).strip()}\n\n"


def _listing(what: str, page: Path, root: Path) -> str:
    """Return a link to the file, and the lines that a marker asks for as a block of code."""
    file, name, limits = _parse(what)
    lines = _read(root, file).splitlines()
    if name:
        first, last = _object(file, "\n".join(lines), name)
        lines = lines[first:last]
    lines = _between(file, lines, limits)
    code = dedent("\n".join(lines)).strip("\n")

    inside = name if limits else name.rpartition(".")[0]
    caption = f"[{file}]({os.path.relpath(file, page.parent)})".replace(os.sep, "/")
    caption += f", in `{inside}`" if inside else ""
    return f"\n{caption}:\n\n```{LANGUAGES.get(Path(file).suffix, 'text')}\n{code}\n```\n\n"


def _parse(what: str) -> tuple[str, str, dict[str, str]]:
    """Return the file, the name (which may be empty) and the limits that a marker asks for."""
    try:
        file, *words = shlex.split(what)
    except ValueError as error:
        raise NotThere(f"{what} cannot be read: {error}.") from error
    name = words.pop(0) if len(words) % 2 else ""
    limits = dict(zip(words[::2], words[1::2], strict=True))
    if unknown := [word for word in limits if word not in WORDS]:
        raise NotThere(f"{unknown[0]!r} is none of {', '.join(WORDS)}.")
    return file, name, limits


def _read(root: Path, file: str) -> str:
    try:
        return (root / file).read_text(encoding="utf-8")
    except OSError as error:
        raise NotThere(f"{file} cannot be read: {error.strerror}.") from error


def _object(file: str, source: str, name: str) -> tuple[int, int]:
    """Return where an object of a Python file begins and ends: the indices of its lines."""
    try:
        node: ast.AST = ast.parse(source)
    except SyntaxError as error:
        raise NotThere(f"{file} is not Python: it has no objects to be named.") from error
    for part in name.split("."):
        for child in ast.iter_child_nodes(node):
            if part in _names(child):
                node = child
                break
        else:
            raise NotThere(f"{file} has no {name}: name there what the page shows now.")
    assert isinstance(node, ast.stmt) and node.end_lineno is not None
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first - 1, node.end_lineno


def _names(node: ast.AST) -> list[str]:
    """Return what a statement gives a name to."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Assign():
            return [target.id for target in node.targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _between(file: str, lines: list[str], limits: dict[str, str]) -> list[str]:
    """Return the lines from one that has a text to one that has another."""
    if "from" in limits:
        lines = lines[_find(file, lines, limits["from"]) :]
    if "to" in limits:
        lines = lines[: _find(file, lines, limits["to"]) + 1]
    if "before" in limits:
        lines = lines[: _find(file, lines, limits["before"])]
    return lines


def _find(file: str, lines: list[str], text: str) -> int:
    for number, line in enumerate(lines):
        if text in line:
            return number
    raise NotThere(f"{file} has no line with {text!r} there.")
