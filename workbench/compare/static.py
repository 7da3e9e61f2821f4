"""What can be counted in source files without running them: lines, functions, classes."""

import ast
import io
import statistics
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from workbench.environment import Problem

Function = ast.FunctionDef | ast.AsyncFunctionDef

# What a line may hold without holding code.
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Size:
    """How much code there is. Lines are lines with code: no blanks, comments, docstrings."""

    files: int
    lines: int
    classes: int
    functions: int
    median_function: float
    longest_function: int


def sizes(root: Path) -> dict[str, dict[str, float]]:
    """The size of each layer below a package or test folder, and of it all as `total`."""
    layers: dict[str, list[Path]] = {}
    for file in python_files(root):
        layers.setdefault(layer_of(file, root), []).append(file)
    every_file = [file for files in layers.values() for file in files]
    return {
        "total": asdict(size(every_file)),
        **{layer: asdict(size(files)) for layer, files in sorted(layers.items())},
    }


def python_files(root: Path) -> list[Path]:
    """The Python files of a package, or the one file of a module."""
    return sorted(root.rglob("*.py")) if root.is_dir() else [root]


def layer_of(file: Path, root: Path) -> str:
    """The first folder or module inside the package: `views`, `services`, `models.py`."""
    return file.relative_to(root).parts[0] if root.is_dir() else file.name


def size(files: Iterable[Path]) -> Size:
    files = list(files)
    trees = [(parse(file), file) for file in files]
    code = {file: lines_with_code(file, tree) for tree, file in trees}
    nodes = [(node, file) for tree, file in trees for node in ast.walk(tree)]
    lengths = [
        len(code[file].intersection(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
        for node, file in nodes
        if isinstance(node, Function)
    ]
    return Size(
        files=len(files),
        lines=sum(map(len, code.values())),
        classes=sum(isinstance(node, ast.ClassDef) for node, _ in nodes),
        functions=len(lengths),
        median_function=statistics.median(lengths) if lengths else 0,
        longest_function=max(lengths, default=0),
    )


def parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise Problem(f"{file} is not valid Python: {error.msg}, line {error.lineno}.") from error


def lines_with_code(file: Path, tree: ast.Module) -> set[int]:
    with tokenize.open(file) as source:
        tokens = list(tokenize.generate_tokens(io.StringIO(source.read()).readline))
    lines = {
        line
        for token in tokens
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    return lines.difference(docstring_lines(tree))


def docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | Function):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            yield from range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1)
