"""Processes that each run an app, and start their tasks at the same moment.

They are forked from a server that has imported both apps already, so that one more is there in
a moment. A task can be disturbed: one of its effects on the world fails, or the process is killed
just before it.
"""

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from importlib import import_module
from io import StringIO
from multiprocessing.connection import Connection
from smtplib import SMTP, SMTPServerDisconnected
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import time_machine
from requests.adapters import HTTPAdapter
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.event import listen

# How long a look at the database takes in a race: what was seen may be out of date by then, and
# without a guard all who are at it would decide on what they saw first.
A_LOOK_TAKES = 0.003
LONGEST_WAIT = 60
READY, GO = "ready", "go"

COMMIT, MAIL, LOCK, ANSWER = "commit", "mail", "lock", "answer"


class Failure(StrEnum):
    """How an effect fails."""

    # The library raises what it documents, and nothing has happened.
    ERROR = "error"
    # Something raises what no documentation mentions, and nothing has happened.
    SURPRISE = "surprise"
    # It has happened, but the library raises, because the answer came too late.
    TIMEOUT = "timeout"
    # The process is killed, and nothing has happened.
    KILL = "kill"


class Fault(NamedTuple):
    """Which effect fails, counted from 0, and how. After the last effect, the app answers."""

    number: int
    failure: Failure


@dataclass(frozen=True, kw_only=True)
class Task:
    """A request or a command, and when it is done.

    `session` is what the visitor's cookie holds. `settings` replace those of the app. `delays`
    say how long something takes: an effect by its name, or LOCK, the wait for the first write.
    Only then does the clock of the process move.
    """

    at: datetime
    method: str = "POST"
    path: str = ""
    data: Mapping[str, str] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    delays: Mapping[str, timedelta] = field(default_factory=dict)
    fault: Fault | None = None
    is_race: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status (of a command, its exit code), a text, and what else there is to see.

    `location` is where it leads to, `session` what the cookie holds now, `log` what the app has
    logged, `effects` the effects in their order.
    """

    status: int
    text: str
    location: str = ""
    session: Mapping[str, Any] = field(default_factory=dict)
    log: str = ""
    effects: tuple[str, ...] = ()


class Effects:
    """What a process does to the world: commits, calls of other servers, mails.

    There is one for each process: it puts itself between the libraries and the world.
    """

    def __init__(self) -> None:
        self._clock: time_machine.Traveller | None = None
        self._task = Task(at=datetime.min)
        self._seen: list[str] = []
        self._has_written = False
        commit, call, send = DefaultDialect.do_commit, HTTPAdapter.send, SMTP.send_message

        def do_commit(dialect, connection):
            error = dialect.loaded_dbapi.OperationalError("the commit failed")
            return self._have(COMMIT, lambda: commit(dialect, connection), error, error)

        def call_server(adapter, request, **options):
            return self._have(
                f"{request.method} {urlsplit(request.url).path}",
                lambda: call(adapter, request, **options),
                requests.ConnectionError("Connection refused"),
                requests.ReadTimeout("Read timed out."),
            )

        def send_mail(server, *message, **options):
            return self._have(
                MAIL,
                lambda: send(server, *message, **options),
                SMTPServerDisconnected("Connection unexpectedly closed"),
                TimeoutError("timed out"),
            )

        DefaultDialect.do_commit = do_commit
        HTTPAdapter.send, SMTP.send_message = call_server, send_mail
        listen(Engine, "after_cursor_execute", self._after_statement)

    def of(self, task: Task, do: Callable[[Task], Answer]) -> Answer:
        """Do a task, at its time; note its effects, and disturb them as it says."""
        self._task, self._seen, self._has_written = task, [], False
        with time_machine.travel(task.at, tick=False) as self._clock:
            answer = do(task)
        self._have(ANSWER, lambda: None)
        return replace(answer, effects=tuple(self._seen[:-1]))

    def _have(
        self,
        name: str,
        act: Callable[[], Any],
        error: Exception | None = None,
        timeout: Exception | None = None,
    ) -> Any:
        """Perform an effect, unless it is to fail; return what `act` returns."""
        fault = self._task.fault
        failure = fault.failure if fault and fault.number == len(self._seen) else None
        if failure == Failure.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        self._seen.append(name)
        if failure == Failure.SURPRISE:
            raise RuntimeError("Something happened that no documentation mentions.")
        if failure == Failure.ERROR:
            raise error
        done = act()
        self._let_time_pass(name)
        if failure == Failure.TIMEOUT:
            raise timeout
        return done

    def _after_statement(self, connection, cursor, statement, *rest) -> None:
        if statement.startswith("SELECT") and self._task.is_race:
            time.sleep(A_LOOK_TAKES)
        if statement.startswith(("INSERT", "UPDATE", "DELETE")) and not self._has_written:
            self._has_written = True
            self._let_time_pass(LOCK)

    def _let_time_pass(self, name: str) -> None:
        if self._clock is not None:
            self._clock.shift(self._task.delays.get(name, timedelta()))


class Process:
    """One app, and the effects of what it does. The life of a process."""

    def __init__(self, package: str, settings: Mapping[str, Any]) -> None:
        self._log = StringIO()
        logging.basicConfig(stream=self._log)
        self._settings = settings
        self._app = import_module(f"{package}.app").create_app(settings)
        self._effects = Effects()

    def work(self, line: Connection) -> None:
        """Do one task after the other until the connection is closed."""
        while True:
            try:
                task = line.recv()
            except EOFError:
                return
            line.send(READY)
            line.recv()
            is_fatal = task.fault is not None and task.fault.failure == Failure.KILL
            line.send(self._do_in_a_fork(task) if is_fatal else self._do(task))

    def _do_in_a_fork(self, task: Task) -> Answer | None:
        """Do a task in a process that is to be killed; return None, or the answer of a survivor.

        A fork of this process need not prepare anything before it can be killed.
        """
        # No process may use a connection that another one has opened.
        self._disconnect()
        here, there = multiprocessing.Pipe(duplex=False)
        child = os.fork()
        if child == 0:
            try:
                there.send(self._do(task))
            finally:
                os._exit(0)
        there.close()
        try:
            answer = here.recv()
        except EOFError:
            answer = None
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == (-signal.SIGKILL if answer is None else 0)
        return answer

    def _do(self, task: Task) -> Answer:
        self._log.seek(0)
        self._log.truncate()
        self._app.config.update({**self._settings, **task.settings})
        answer = self._effects.of(task, self._run if task.command else self._ask)
        return replace(answer, log=self._log.getvalue())

    def _ask(self, task: Task) -> Answer:
        client = self._app.test_client()
        with client.session_transaction() as session:
            session.update(task.session)
        answer = client.open(task.path, method=task.method, data=task.data, headers=task.headers)
        with client.session_transaction() as session:
            return Answer(
                status=answer.status_code,
                location=answer.location or "",
                text=answer.text,
                session=dict(session),
            )

    def _run(self, task: Task) -> Answer:
        result = self._app.test_cli_runner().invoke(args=task.command)
        # A command has a process of its own, which ends here.
        self._disconnect()
        text = result.output + (repr(result.exception or ""))
        return Answer(status=result.exit_code, text=text)

    def _disconnect(self) -> None:
        with self._app.app_context():
            self._app.extensions["sqlalchemy"].engine.dispose()


def begin_work(package: str, settings: Mapping[str, Any], line: Connection) -> None:
    Process(package, settings).work(line)


class Worker:
    """A process, seen from the tests, and the connection to it."""

    def __init__(self, context: Any, package: str, settings: Mapping[str, Any]) -> None:
        self._line, far_end = context.Pipe()
        self._process = context.Process(
            target=begin_work, args=(package, settings, far_end), daemon=True
        )
        self._process.start()
        far_end.close()

    def send(self, what: Task | str) -> None:
        self._line.send(what)

    def handle_charge_event(self) -> Any:
        """Return what the process has sent."""
        assert self._line.poll(LONGEST_WAIT), "A process waits for something that never comes."
        return self._line.recv()

    def has_said(self) -> bool:
        """Return whether the process has sent something."""
        return self._line.poll()

    def close(self) -> None:
        """Let the process end."""
        self._line.close()
        self._process.join()


class Crew:
    """The processes of one app: as many as are needed, kept for the next tasks."""

    def __init__(self, package: str, settings: Mapping[str, Any]) -> None:
        self._package = package
        self._settings = settings
        self._idle: list[Worker] = []
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            [__name__, "before_mvt.app", "after_service_layer.app"]
        )

    def start(self, *tasks: Task) -> "Errand":
        """Begin with all tasks in the same moment, each in a process of its own."""
        workers = [self._worker() for _ in tasks]
        for worker, task in zip(workers, tasks, strict=True):
            worker.send(replace(task, is_race=len(tasks) > 1))
        for worker in workers:
            assert worker.handle_charge_event() == READY
        for worker in workers:
            worker.send(GO)
        return Errand(workers, self._idle)

    def close(self) -> None:
        for worker in self._idle:
            worker.close()

    def _worker(self) -> Worker:
        if self._idle:
            # Not the process that worked last: what one leaves open must be able to block another.
            return self._idle.pop(-min(2, len(self._idle)))
        return Worker(self._context, self._package, self._settings)


class Errand:
    """Tasks that are being done."""

    def __init__(self, workers: list[Worker], idle: list[Worker]) -> None:
        self._workers = workers
        self._idle = idle

    def is_waiting(self) -> bool:
        """Return whether none of the tasks is done yet."""
        return not any(worker.has_said() for worker in self._workers)

    def answers(self) -> list[Answer | None]:
        """Wait for all answers, in the order of the tasks. None is that of a killed process."""
        answers = [worker.handle_charge_event() for worker in self._workers]
        self._idle.extend(self._workers)
        return answers
