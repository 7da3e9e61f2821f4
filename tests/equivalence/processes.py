"""Processes that each run an app, and do at the same moment what they are told.

They are forked from a server that has imported both apps already, so that one more is there in
a moment, and one that is killed can be replaced.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import import_module
from multiprocessing.connection import Connection
from smtplib import SMTP
from typing import Any
from urllib.parse import urlsplit

import time_machine
from flask import Flask
from requests.adapters import HTTPAdapter
from sqlalchemy import Engine
from sqlalchemy.event import listen, listens_for
from sqlalchemy.orm import Session

# How long a look at the database takes in a race: what was seen may be out of date by then, and
# without a guard all who are at it would decide on what they saw first.
A_LOOK_TAKES = 0.003
LONGEST_WAIT = 60
READY, GO = "ready", "go"


@dataclass(frozen=True, kw_only=True)
class Task:
    """A form, a webhook or a job, and when it is done.

    `settings` replace those of the app. `die_before` is which of its effects, counted from 0,
    the process does not live to have; after the last comes the answer.
    """

    at: datetime
    path: str = ""
    data: Mapping[str, str] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    organiser: int | None = None
    job: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    die_before: int | None = None
    is_race: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A status (of a job, its exit code), where it leads to, a text, and all effects in order."""

    status: int
    location: str = ""
    text: str
    effects: tuple[str, ...] = ()


class Effects:
    """What a process does to the world: commits, calls of the gateway, mails."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._fatal: int | None = None
        listen(Session, "before_commit", lambda session: self.about_to("commit"))
        send, send_message = HTTPAdapter.send, SMTP.send_message

        def call_gateway(adapter, request, **options):
            self.about_to(f"{request.method} {urlsplit(request.url).path}")
            return send(adapter, request, **options)

        def send_mail(server, *mail):
            self.about_to("mail")
            return send_message(server, *mail)

        HTTPAdapter.send, SMTP.send_message = call_gateway, send_mail

    def begin(self, fatal: int | None) -> None:
        self._seen, self._fatal = [], fatal

    def about_to(self, name: str) -> None:
        """Note an effect; kill the process if it is not to live to have it."""
        if self._fatal == len(self._seen):
            os.kill(os.getpid(), signal.SIGKILL)
        self._seen.append(name)

    def end(self) -> tuple[str, ...]:
        self.about_to("answer")
        return tuple(self._seen[:-1])


def work(package: str, settings: Mapping[str, Any], line: Connection) -> None:
    """Do one task after the other until the line is closed. The life of a process."""
    app = import_module(f"{package}.app").create_app(settings)
    effects = Effects()
    look_takes = 0.0

    @listens_for(Engine, "after_cursor_execute")
    def look(connection, cursor, statement, *rest):
        if statement.startswith("SELECT"):
            time.sleep(look_takes)

    while True:
        try:
            task = line.recv()
        except EOFError:
            return
        app.config.update({**settings, **task.settings})
        effects.begin(task.die_before)
        look_takes = A_LOOK_TAKES if task.is_race else 0
        line.send(READY)
        line.recv()
        with time_machine.travel(task.at):
            status, location, text = run_job(app, task) if task.job else post(app, task)
        line.send(Answer(status=status, location=location, text=text, effects=effects.end()))


def post(app: Flask, task: Task) -> tuple[int, str, str]:
    client = app.test_client()
    if task.organiser is not None:
        with client.session_transaction() as cookie:
            cookie["organiser"], cookie["organiser_session"] = task.organiser, 0
    answer = client.post(task.path, data=task.data, headers=task.headers)
    return answer.status_code, answer.location or "", answer.text


def run_job(app: Flask, task: Task) -> tuple[int, str, str]:
    result = app.test_cli_runner().invoke(args=["jobs", task.job])
    return result.exit_code, "", result.output + (repr(result.exception or ""))


class Worker:
    """One process, and the line to it."""

    def __init__(self, context: Any, package: str, settings: Mapping[str, Any]) -> None:
        self._line, far_end = context.Pipe()
        self._process = context.Process(
            target=work, args=(package, settings, far_end), daemon=True
        )
        self._process.start()
        far_end.close()

    def tell(self, what: Task | str) -> None:
        self._line.send(what)

    def hear(self) -> Any:
        """Return what the process says; None if it was killed."""
        assert self._line.poll(LONGEST_WAIT), "A process waits for something that never comes."
        try:
            return self._line.recv()
        except (EOFError, ConnectionResetError):
            self.close()
            assert self._process.exitcode == -signal.SIGKILL
            return None

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
            worker.tell(replace(task, is_race=len(tasks) > 1))
        for worker in workers:
            assert worker.hear() == READY
        for worker in workers:
            worker.tell(GO)
        return Errand(workers, self._idle)

    def close(self) -> None:
        for worker in self._idle:
            worker.close()

    def _worker(self) -> Worker:
        if self._idle:
            return self._idle.pop()
        return Worker(self._context, self._package, self._settings)


class Errand:
    """Tasks that are being done."""

    def __init__(self, workers: list[Worker], idle: list[Worker]) -> None:
        self._workers = workers
        self._idle = idle

    def answers(self) -> list[Answer | None]:
        """Wait for all answers, in the order of the tasks. None is that of a killed process."""
        answers = []
        for worker in self._workers:
            answers.append(worker.hear())
            if answers[-1] is not None:
                self._idle.append(worker)
        return answers
