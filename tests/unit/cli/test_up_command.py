"""What `weir up` says: which ports are not the usual ones, and what a stack without a model is to be given."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import make_url

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from harness.stack.small_stack import small_stack
from weir.cli.commands_stack import _welcome
from weir.cli.stack.layout import layout
from weir.cli.stack.ports import DEFAULTS, HOST, reserve
from weir.cli.stack.starting import endpoints_of
from weir.registry.adapters import outbox
from weir.registry.adapters.database import Database
from weir.registry.api.assets import AssetApi
from weir.registry.app.app import Registry
from weir.registry.settings import RegistrySettings

MODEL = {
    "kind": "model", "name": "m", "version": "1",
    "spec": {
        "task": "chat", "unary_model": "m", "input": "text_input",
        "card": {"description": "d", "kind": "k", "license": "l"},
    },
}  # fmt: skip


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry without an asset, which the commands find."""
    with closing(Database(make_url(f"sqlite:///{tmp_path / 'registry.db'}"))) as database:
        with database.writing() as connection:
            outbox.set_up_numbering(connection, "registry/test", 1)
        one = Registry(database, lambda: None)
        with pages(AssetApi(one, RegistrySettings(data_dir=tmp_path)).routes()) as url:
            monkeypatch.setenv("WEIR_REGISTRY_URL", url)
            monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
            yield one


def test_the_examples_are_advised_only_where_the_registry_has_no_model(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    endpoints = endpoints_of(layout(), DEFAULTS)
    of_new = _welcome(endpoints)
    registry.apply([MODEL], "ada", dry_run=False)

    assert "This stack knows no model. The examples' are registered by:\nweir apply -f " in of_new
    assert "weir apply" not in _welcome(endpoints)


def test_a_start_names_the_ports_that_are_not_the_usual_ones(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "keys.json").write_text("no JSON")  # the start ends here, before any process
    with taken_port("drift"):
        said = up(tmp_path)

    said_of_drift = rf"usual ports are in use, others are taken: .*drift has \d+ instead of {DEFAULTS['drift']}"
    assert re.search(said_of_drift, said)


def test_a_start_on_a_running_stack_is_refused_before_a_word_about_its_ports(tmp_path: Path) -> None:
    with small_stack(tmp_path):
        said = up(tmp_path)

    assert "ports" not in said
    assert "already" in said
    assert "try: weir status, or weir down" in said


def test_a_port_that_was_asked_for_is_not_called_moved() -> None:
    with taken_port("drift"):
        with reserve({}) as usual:
            assert "drift" in usual.moved
        with reserve({"drift": usual.ports["drift"]}) as wished:
            assert "drift" not in wished.moved


@contextmanager
def taken_port(name: str) -> Iterator[None]:
    """The usual port of this name is in use."""
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else has it: that is as good
            taken.bind((HOST, DEFAULTS[name]))
        yield


def up(home: Path) -> str:
    """What `weir up` says on standard error."""
    environment = {**os.environ, "WEIR_HOME": str(home)}
    ran = subprocess.run(
        [sys.executable, "-m", "weir.cli", "up", "--detach"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4, ran.stderr
    return ran.stderr
