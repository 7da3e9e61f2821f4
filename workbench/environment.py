"""Makes `.venv` and keeps it in step with the lock files in `requirements/`.

Requirements come in layers, and a command installs only the layers it needs. A stamp in
`.venv` remembers the lock file each layer was installed from, and the distributions that were
there then. When a lock file changes, the next command installs that layer again; when a
distribution is gone or has another version, it installs what it needs again. `make setup` also
looks at each installed file. Only the standard library is used here, because this runs before
anything is installed.
"""

import csv
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Each layer is locked against the ones before it, so that one `.venv` can hold them all.
LAYERS = ("app", "test", "compare", "dev", "docs")

Runner = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class Problem(Exception):
    """What went wrong and what to do about it, in one sentence for the user."""


def run_quietly(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """Run a command without showing its output, which comes back as `stdout`.

    Its temporary files go with it. Ctrl-C ends it at once, with all processes it has started.
    """
    with (
        TemporaryDirectory(prefix="workbench-") as folder,
        subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": folder, "TEMP": folder, "TMP": folder},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process,
    ):
        try:
            output, _ = process.communicate()
        except BaseException:
            _kill_with_children(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def _kill_with_children(process: "subprocess.Popen[str]") -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class Environment:
    """The `.venv` of one checkout."""

    def __init__(
        self,
        root: Path = ROOT,
        *,
        uv: str | None = shutil.which("uv"),
        run: Runner = run_quietly,
    ) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.uv = uv
        self.run = run
        windows = os.name == "nt"
        self.python = self.venv / ("Scripts/python.exe" if windows else "bin/python")
        self.stamp = self.venv / "workbench.json"
        self.libraries = Path(sysconfig.get_path("purelib", "venv", {"base": str(self.venv)}))
        self.log = root / "build" / "environment.log"

    def prepare(self, layers: Sequence[str], *, check_files: bool = False) -> Path:
        """Make `.venv` hold these layers, and return its Python.

        Costs a few milliseconds when everything is there, and some tenths of a second with
        `check_files`, which looks at every installed file. Raises Problem when it cannot be
        done.
        """
        with _told_as_problem():
            if check_files or self._outdated(layers):
                with self._alone():
                    self._install_outdated(layers)
        return self.python

    def remove(self) -> None:
        """Delete `.venv`. Raises Problem when these commands have not made it."""
        if self.venv.is_dir() and not any(self.venv.iterdir()):
            self.venv.rmdir()
        elif self.stamp.exists():
            with _told_as_problem():
                shutil.rmtree(self.venv)
        elif os.path.lexists(self.venv):
            is_environment = (self.venv / "pyvenv.cfg").exists()
            what = "a virtual environment" if is_environment else "something"
            raise Problem(
                f"{self.venv} is {what} that these commands have not made, so they neither use"
                " nor replace it: move it away or delete it, and try again."
            )

    def _install_outdated(self, layers: Sequence[str]) -> None:
        if self._usable():
            self._forget_broken()
        if not self._usable() or not self._works():
            self._make()
        for layer in self._outdated(layers):
            self._install(layer)

    def _outdated(self, layers: Sequence[str]) -> list[str]:
        whole = self._usable() and not self._lost()
        installed = self._read_stamp().get("layers", {}) if whole else {}
        return [
            layer
            for layer in LAYERS
            if layer in layers and installed.get(layer) != self._lock_hash(layer)
        ]

    def _usable(self) -> bool:
        """Whether `.venv` is made by these commands, and for this version of Python."""
        return (
            self.python.exists()
            and (self.venv / "pyvenv.cfg").exists()
            and self._read_stamp().get("python") == python_version()
        )

    def _works(self) -> bool:
        """Whether its Python starts, and something can be installed. uv makes them without pip."""
        check = ("-c", "pass") if self.uv else ("-m", "pip", "--version")
        try:
            return self.run((str(self.python), *check)).returncode == 0
        except OSError:
            return False

    def _lost(self) -> list[str]:
        """The distributions that are no longer as they were after the last installation."""
        recorded = set(self._read_stamp().get("distributions", ()))
        return sorted(recorded.difference(self._distributions()))

    def _distributions(self) -> list[str]:
        """Name and version of all that is installed."""
        folders = self.libraries.glob("*.dist-info")
        return sorted(folder.name.removesuffix(".dist-info") for folder in folders)

    def _forget_broken(self) -> None:
        """Have all layers installed again if a distribution is lost, or a file of one."""
        for folder in self.libraries.glob("*.dist-info"):
            if not self._is_whole(folder):
                # Without this folder the installer takes it for not installed, and replaces it.
                shutil.rmtree(folder)
        if lost := self._lost():
            _say(f"Not as it was installed: {', '.join(lost)}. Repairing .venv ...")
            self._write_stamp({**self._read_stamp(), "layers": {}})

    def _is_whole(self, folder: Path) -> bool:
        """Whether each file that a distribution has recorded is there, with its size."""
        try:
            with (folder / "RECORD").open(encoding="utf-8", newline="") as record:
                return all(
                    os.stat(self.libraries / name).st_size == int(size)
                    for name, _, size in csv.reader(record)
                    if size and not name.endswith(".pyc")
                )
        except (OSError, ValueError):
            return False

    def _make(self) -> None:
        if self.uv is None and not importlib.util.find_spec("ensurepip"):
            raise Problem(
                "This Python cannot make virtual environments. On Debian and Ubuntu run"
                " `sudo apt install python3-venv`, elsewhere install uv, and try again."
            )
        self.remove()
        _say(f"Making .venv with Python {python_version()} (once) ...")
        # From inside `.venv` this names the Python that it was made from.
        python = str(getattr(sys, "_base_executable", sys.executable))
        try:
            if self.uv:
                self._call(self.uv, "venv", "--python", python, str(self.venv))
            else:
                self._call(python, "-m", "venv", str(self.venv))
            self._write_stamp({"python": python_version(), "layers": {}})
        except BaseException:
            # Without the stamp, the next command would not recognise it as its own.
            shutil.rmtree(self.venv, ignore_errors=True)
            raise

    def _install(self, layer: str) -> None:
        lock = str(self.root / "requirements" / f"{layer}.txt")
        _say(f"Installing requirements/{layer}.txt (once) ...")
        stamp = self._read_stamp()
        # However the installation ends, the layer is only there when it is in the stamp again.
        stamp["layers"].pop(layer, None)
        self._write_stamp(stamp)
        self._call(*self._installer(), "--require-hashes", "-r", lock)
        stamp["layers"][layer] = self._lock_hash(layer)
        stamp["distributions"] = self._distributions()
        self._write_stamp(stamp)

    def _installer(self) -> tuple[str, ...]:
        # Compiled once now, the libraries need not be compiled by every command later.
        if self.uv:
            return (self.uv, "pip", "install", "--python", str(self.python), "--compile-bytecode")
        pip = (str(self.python), "-m", "pip", "--disable-pip-version-check")
        return (*pip, "install", "--compile")

    def _call(self, *command: str) -> None:
        done = self.run(command)
        if done.returncode != 0:
            self.log.parent.mkdir(exist_ok=True)
            self.log.write_text(f"{' '.join(command)}\n{done.stdout}", encoding="utf-8")
            raise Problem(f"{_reason(done.stdout)} The full output is in {self.log}.")

    def _lock_hash(self, layer: str) -> str:
        lock = self.root / "requirements" / f"{layer}.txt"
        return hashlib.sha256(lock.read_bytes()).hexdigest()

    def _read_stamp(self) -> dict[str, Any]:
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def _write_stamp(self, stamp: dict[str, Any]) -> None:
        new = self.stamp.with_suffix(".new")
        new.write_text(json.dumps(stamp, indent=2) + "\n", encoding="utf-8")
        new.replace(self.stamp)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one command at a time change `.venv`.

        The operating system releases the lock when a process ends, however it ends.
        """
        path = self.root / "build" / "environment.lock"
        path.parent.mkdir(exist_ok=True)
        with path.open("w") as handle:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
            else:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def active() -> bool:
    """Whether the Python that runs now is the one in `.venv`."""
    return Path(sys.prefix).resolve() == (ROOT / ".venv").resolve()


def setup(argv: Sequence[str]) -> int:
    """Install every layer and repair what is broken, so that no command needs the network."""
    _refuse_arguments("setup", argv)
    Environment().prepare(LAYERS, check_files=True)
    _say("Everything is installed.")
    return 0


def clean(argv: Sequence[str]) -> int:
    """Remove what the commands of this repository have made."""
    _refuse_arguments("clean", argv)
    Environment().remove()
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    for cache in sorted(ROOT.rglob("__pycache__")):
        shutil.rmtree(cache, ignore_errors=True)
    _say("Removed .venv, build/ and the bytecode caches.")
    return 0


def lock(argv: Sequence[str]) -> int:
    """Write the lock files again from `requirements/*.in`; arguments go to `uv pip compile`."""
    uv = shutil.which("uv")
    if uv is None:
        raise Problem("Locking needs uv: install it and try again.")
    for layer in LAYERS:
        _say(f"Locking requirements/{layer}.txt ...")
        command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
        # The oldest Python decides, so that every user has the same versions.
        command += ["--python-version", "3.11", "--fork-strategy", "fewest"]
        command += ["--custom-compile-command", "python3 -m workbench lock", *argv]
        files = [f"requirements/{layer}.in", "--output-file", f"requirements/{layer}.txt"]
        done = subprocess.run([*command, *files], cwd=ROOT)
        if done.returncode != 0:
            return 1
    return 0


def _refuse_arguments(verb: str, argv: Sequence[str]) -> None:
    # Not at the top of the file: that module needs `Problem` from this one.
    from workbench.arguments import refuse_arguments

    refuse_arguments(verb, argv)


@contextmanager
def _told_as_problem() -> Iterator[None]:
    """Turn a failure of the file system (no right, no space) into a Problem."""
    try:
        yield
    except OSError as error:
        raise Problem(
            f"Cannot use {error.filename or '.venv'}: {error.strerror or error}."
        ) from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def python_version() -> str:
    """Major and minor version, such as 3.11: what an environment and the figures depend on."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


# What the installers write when something common goes wrong, and the sentence it becomes.
_REASONS = {
    "The disk is full: free one gigabyte and try again.": (
        "No space left on device",
        "Disk quota",
    ),
    "A download is not the file that was locked: try again, and report it to us if it stays so.": (
        "DO NOT MATCH THE HASHES",
        "Hash mismatch",
    ),
    "The package index does not answer: check the network and try again.": (
        "NewConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ProxyError",
        "name resolution",
        "dns error",
        "error sending request",
        "operation timed out",
    ),
}


def _reason(output: str) -> str:
    for sentence, signs in _REASONS.items():
        if any(sign in output for sign in signs):
            return sentence
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1] if lines else "the installer said nothing"
    return f"The installation failed: {last.rstrip('.')}."
