"""A real PostgreSQL of the test's own: a cluster in a temporary folder, on a free port, with a password."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlalchemy import URL

from harness.stack.service_process import free_port
from harness.waiting import eventually

PASSWORD = "a-password-of-the-tests"
START_WITHIN_S = 60.0
"""Seconds it may take to answer. Chosen: fifty times what it takes on a quiet machine."""

FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB", "max_connections=40")
"""Nothing here outlives the test, so nothing is forced to the disk."""

on_both = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
"""A test, or a file of tests, runs on both kinds of database (`database_url` of its conftest)."""

SERVER_USERS = ("postgres", "nobody")
"""Whom root starts the server as, the first that there is: the server refuses to be root."""


def programs() -> Path | None:
    """Folder of PostgreSQL's programs; None where it is not installed (`make setup-tests` installs it)."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    return found[-1].resolve().parent if found[-1].name else None


class Postgres:
    """One server; `with` makes, starts, stops and removes it."""

    def __init__(self) -> None:
        self.port = free_port()
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None
        bin_dir = programs()
        assert bin_dir is not None, "PostgreSQL is not installed; make setup-tests"
        self._bin = bin_dir

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="weir-postgres-"))
        self.password_file = self._folder / "password"
        self.password_file.write_text(PASSWORD)
        if (user := _server_user()) is not None:
            for path in (self._folder, self.password_file):
                shutil.chown(path, user)
        self._run("initdb", "-U", "weir", "--auth=scram-sha-256", f"--pwfile={self.password_file}", "-E", "UTF8", "-N")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [word for setting in (*FAST, f"unix_socket_directories={self._folder}") for word in ("-c", setting)]
        command = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, user=_server_user(), cwd=self._folder)
        eventually(self._answers, within_s=START_WITHIN_S, what="PostgreSQL")

    def stop(self) -> None:
        """Stop it; its clients lose their connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(START_WITHIN_S)
            self._process = None

    def database(self) -> URL:
        """A new, empty database."""
        self._databases += 1
        name = f"weir_{self._databases}"
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy".encode())
        return self.url(name)

    def url(self, database: str = "postgres", *, password: str | None = PASSWORD) -> URL:
        """Where a database is."""
        return URL.create("postgresql+psycopg", "weir", password, "127.0.0.1", self.port, database)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=weir password={PASSWORD} dbname=postgres connect_timeout=2"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self._data), *arguments]
        done = subprocess.run(
            command, user=_server_user(), cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            psycopg.connect(self._conninfo).close()
        except psycopg.OperationalError:
            return False
        return True


def _server_user() -> str | None:
    """The user to start as; None where this is not root already."""
    if os.geteuid():
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(user for user in SERVER_USERS if user in known)
