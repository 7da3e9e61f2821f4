"""The environment: what is installed when, and the message when that fails.

Nothing is installed here: a recorder stands in for uv, venv and pip.
"""

import ast
import importlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from workbench import environment
from workbench.__main__ import VERBS, main
from workbench.environment import ROOT, Environment, Problem


class Installer:
    """Keeps the commands, and makes the files that a real installer would leave."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commands: list[str] = []
        self.output = ""
        self.exit_code = 0

    def __call__(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        venv = Environment(self.root)
        has_pip = (venv.libraries / "pip").exists()
        if "--version" in command:
            return subprocess.CompletedProcess(command, 0 if has_pip else 1, "")
        if "pass" in command:
            return subprocess.CompletedProcess(command, 0, "")
        self.commands.append(" ".join(command).replace(f"{self.root}/", ""))
        if "install" in command:
            if self.exit_code == 0:
                self.install(Path(command[-1]).stem)
            return subprocess.CompletedProcess(command, self.exit_code, self.output)
        venv.python.parent.mkdir(parents=True)
        venv.python.touch()
        (venv.venv / "pyvenv.cfg").touch()
        (venv.libraries / ("" if command[0] == "uv" else "pip")).mkdir(parents=True)
        return subprocess.CompletedProcess(command, 0, "")

    def install(self, name: str) -> None:
        """Leave a library with one module, unless it is there already."""
        info = Environment(self.root).libraries / f"{name}-1.dist-info"
        if not info.exists():
            info.mkdir()
            (info / "RECORD").write_text(f"{name}.py,sha256=x,6\n{info.name}/RECORD,,\n")
            (info.parent / f"{name}.py").write_text("pass\n\n")

    @property
    def installed(self) -> list[str]:
        """The lock files that were installed from, in order, and `venv` for a fresh start."""
        return [
            Path(command.split()[-1]).stem if "install" in command else "venv"
            for command in self.commands
        ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "requirements").mkdir()
    for layer in environment.LAYERS:
        (tmp_path / "requirements" / f"{layer}.txt").write_text(f"{layer}==1\n")
    return tmp_path


@pytest.fixture
def installer(root: Path) -> Installer:
    return Installer(root)


def prepare(
    installer: Installer, *layers: str, uv: str | None = None, check_files: bool = False
) -> None:
    Environment(installer.root, uv=uv, run=installer).prepare(layers, check_files=check_files)


def test_only_the_layers_asked_for_are_installed(installer: Installer) -> None:
    prepare(installer, "test", "app")

    assert installer.installed == ["venv", "app", "test"]


def test_what_is_there_is_not_installed_again(installer: Installer) -> None:
    prepare(installer, "app")
    prepare(installer, "app")
    prepare(installer, "app", "docs")

    assert installer.installed == ["venv", "app", "docs"]


def test_a_changed_lock_file_is_installed_again(installer: Installer) -> None:
    prepare(installer, "app", "test")
    (installer.root / "requirements/test.txt").write_text("test==2\n")
    prepare(installer, "app", "test")

    assert installer.installed == ["venv", "app", "test", "test"]


def test_another_version_of_python_starts_afresh(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(installer, "app")
    monkeypatch.setattr(environment, "python_version", lambda: "3.99")
    prepare(installer, "app")

    assert installer.installed == ["venv", "app"] * 2


@pytest.mark.parametrize("lost", ["bin/python", "pyvenv.cfg"])
def test_a_broken_environment_is_made_anew(installer: Installer, lost: str) -> None:
    prepare(installer, "app")
    (installer.root / ".venv" / lost).unlink()
    prepare(installer, "app")

    assert installer.installed == ["venv", "app"] * 2


def test_what_is_no_longer_installed_is_installed_again(
    installer: Installer, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(installer, "app", "test")
    shutil.rmtree(Environment(installer.root).libraries / "app-1.dist-info")
    prepare(installer, "app")
    prepare(installer, "app", "test")

    # Each layer when a command needs it: its own distributions may be lost, too.
    assert installer.installed == ["venv", "app", "test", "app", "test"]
    assert "Not as it was installed: app-1. Repairing .venv ...\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "harm",
    [
        lambda module: module.unlink(),
        lambda module: module.write_text(""),
        lambda module: (module.parent / "app-1.dist-info/RECORD").unlink(),
        lambda module: (module.parent / "app-1.dist-info/RECORD").write_text("app.py,six\n"),
    ],
    ids=["gone", "empty", "no record", "a broken record"],
)
def test_the_set_up_repairs_each_file(
    installer: Installer, harm: Callable[[Path], object]
) -> None:
    prepare(installer, "app", "docs")
    module = Environment(installer.root).libraries / "app.py"
    harm(module)
    prepare(installer, "app", "docs", check_files=True)

    assert module.read_text() == "pass\n\n"
    # The installer has nothing to do for `docs`, and finds that out by itself.
    assert installer.installed == ["venv", "app", "docs", "app", "docs"]


def test_the_set_up_leaves_alone_what_is_whole(installer: Installer) -> None:
    prepare(installer, "app")
    (Environment(installer.root).libraries / "added-1.dist-info").mkdir()
    (Environment(installer.root).libraries / "added-1.dist-info/RECORD").touch()
    prepare(installer, "app", check_files=True)

    assert installer.installed == ["venv", "app"]


@pytest.mark.parametrize("check_files", [False, True])
def test_an_installation_that_was_interrupted_goes_on(
    installer: Installer, check_files: bool
) -> None:
    class Interrupted(Installer):
        def __call__(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
            if "docs" in command[-1]:
                raise KeyboardInterrupt
            return super().__call__(command)

    with pytest.raises(KeyboardInterrupt):
        prepare(Interrupted(installer.root), "app", "docs")
    prepare(installer, "app", "docs", check_files=check_files)

    assert installer.installed == ["docs"]


def test_an_environment_that_was_not_finished_is_not_left_behind(installer: Installer) -> None:
    class Interrupted(Installer):
        def __call__(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
            super().__call__(command)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(Interrupted(installer.root), "app")

    assert not (installer.root / ".venv").exists()


def test_an_interrupted_installer_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = "import tempfile, time; print(tempfile.mkstemp(), flush=True); time.sleep(60)"
    script = f"""
import subprocess, sys
# As `python -m venv` does it: the process that works is a child of the one we have started.
subprocess.run([sys.executable, "-c", {child!r}], stdout=open({str(tmp_path / "said")!r}, "w"))
"""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    said = tmp_path / "said"

    def interrupt() -> None:
        while not (said.exists() and said.read_text()):
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        environment.run_quietly([sys.executable, "-c", script])

    assert str(temporary) in said.read_text()
    assert not list(temporary.iterdir())


def test_uv_is_used_where_it_is(installer: Installer) -> None:
    prepare(installer, "app", uv="uv")

    make, install = installer.commands
    assert make.startswith("uv venv --python ")
    assert install == (
        "uv pip install --python .venv/bin/python --compile-bytecode"
        " --require-hashes -r requirements/app.txt"
    )


def test_pip_is_used_where_uv_is_not(installer: Installer) -> None:
    prepare(installer, "app")

    make, install = installer.commands
    assert make.endswith(" -m venv .venv")
    assert install == (
        ".venv/bin/python -m pip --disable-pip-version-check install --compile"
        " --require-hashes -r requirements/app.txt"
    )


def test_without_uv_nothing_can_be_added_to_what_uv_made(installer: Installer) -> None:
    prepare(installer, "app", uv="uv")
    prepare(installer, "app")
    assert installer.installed == ["venv", "app"]

    prepare(installer, "app", "test")
    assert installer.installed == ["venv", "app", "venv", "app", "test"]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full: free one gigabyte"),
        ("... Temporary failure in name resolution ...", "check the network and try again"),
        ("error: error sending request for url", "check the network and try again"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "is not the file that was locked"),
        ("one line\nERROR: something new.\n", "The installation failed: ERROR: something new."),
        ("", "The installation failed: the installer said nothing."),
    ],
)
def test_a_failed_install_is_reported_in_one_line_and_tried_again(
    installer: Installer, output: str, sentence: str
) -> None:
    prepare(installer, "app")
    installer.exit_code, installer.output = 1, output

    with pytest.raises(Problem, match=re.escape(sentence)) as problem:
        prepare(installer, "app", "docs")
    assert "\n" not in str(problem.value)

    installer.exit_code = 0
    prepare(installer, "app", "docs")
    assert installer.installed == ["venv", "app", "docs", "docs"]


@pytest.mark.parametrize(
    ("file", "what"), [("mine", "something"), ("pyvenv.cfg", "a virtual environment")]
)
@pytest.mark.parametrize("act", ["prepare", "remove"])
def test_what_these_commands_have_not_made_is_left_alone(
    installer: Installer, file: str, what: str, act: str
) -> None:
    mine = installer.root / ".venv" / file
    mine.parent.mkdir()
    mine.touch()
    theirs = Environment(installer.root, uv=None, run=installer)

    with pytest.raises(Problem) as problem:
        theirs.prepare(["app"]) if act == "prepare" else theirs.remove()

    assert str(problem.value) == (
        f"{mine.parent} is {what} that these commands have not made, so they neither use nor"
        " replace it: move it away or delete it, and try again."
    )
    assert mine.exists() and not installer.commands


def test_a_python_without_venv_gets_a_sentence_on_what_to_install(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(Problem, match="sudo apt install python3-venv"):
        prepare(installer, "app")


def test_two_commands_at_once_install_once(installer: Installer) -> None:
    class Slow(Installer):
        def __call__(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
            time.sleep(0.02)
            return super().__call__(command)

    slow = Slow(installer.root)
    commands = [threading.Thread(target=prepare, args=(slow, "app")) for _ in range(3)]
    for command in commands:
        command.start()
    for command in commands:
        command.join()

    assert slow.installed == ["venv", "app"]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0

    shown = capsys.readouterr().out
    assert all(f"  {name:<13}  {verb.help}" in shown for name, verb in VERBS.items())


def test_an_unknown_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tset-equal"]) == 2
    assert capsys.readouterr().err == (
        "There is no command 'tset-equal': did you mean test-equal?\n"
    )


@pytest.mark.parametrize("name", ["docs", "lint", "setup", "clean"])
def test_a_command_without_arguments_says_so(name: str) -> None:
    module, function = VERBS[name].function.split(":")

    with pytest.raises(Problem, match=rf"^make {name}: unrecognized arguments: --dry-run; it"):
        getattr(importlib.import_module(module), function)(["--dry-run"])


def test_make_has_a_target_for_each_command() -> None:
    if not (make := shutil.which("make")):
        pytest.skip("make is not installed")
    done = subprocess.run([make, "-pq"], cwd=ROOT, capture_output=True, text=True)

    phony = re.findall(r"^\.PHONY: (.+)$", done.stdout, re.MULTILINE)
    assert phony[0].split() == ["help", *VERBS]


def test_the_commands_that_the_pages_name_are_there() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]
    text = "".join(page.read_text("utf-8") for page in pages)
    named = set(re.findall(r"(?:`|\$ |; )(?:make|python3? -m workbench) ([a-z-]+)", text))

    assert {"test", "run"} < named
    assert named - VERBS.keys() == set()


def test_ctrl_c_ends_a_command_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: Environment, *arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Environment, "prepare", interrupted)

    assert main(["setup"]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_an_old_python_can_read_that_it_is_too_old() -> None:
    source = (ROOT / "workbench/__main__.py").read_text(encoding="utf-8")

    ast.parse(source, feature_version=(3, 7))


@pytest.mark.parametrize("layer", environment.LAYERS)
def test_lock_files_have_hashes_and_name_no_registry(layer: str) -> None:
    lock = (ROOT / "requirements" / f"{layer}.txt").read_text(encoding="utf-8")

    packages = re.findall(r"^\S+==.*\n {4}--hash=sha256:", lock, re.MULTILINE)
    assert len(packages) == len(re.findall("==.* \\\\$", lock, re.MULTILINE)) > 0
    assert "//" not in lock
    assert "--index" not in lock
