"""The launcher ends model processes that a killed server left behind, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat.weights import FILE, PACKAGE
from launch import check_prepared, end_orphans

SLEEPS = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    model = tmp_path / "models" / "minilm" / "1" / "model.py"
    model.parent.mkdir(parents=True)
    model.write_text(SLEEPS)
    return tmp_path / "models"


@pytest.fixture
def stub(models: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks like a model's, and whose parent is no Triton."""
    name = tmp_path / "server" / "backends" / "python" / "triton_python_backend_stub"
    command = [str(name), str(models / "minilm" / "1" / "model.py")]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def test_a_model_process_without_its_server_is_ended(stub: subprocess.Popen[str], models: Path, tmp_path: Path) -> None:
    assert end_orphans(tmp_path / "server", models) == [stub.pid]
    assert stub.wait(timeout=30) == -signal.SIGKILL


def test_those_of_other_models_and_of_another_server_are_left_alone(
    stub: subprocess.Popen[str], models: Path, tmp_path: Path
) -> None:
    assert end_orphans(tmp_path / "server", tmp_path / "other models") == []
    assert end_orphans(tmp_path / "other server", models) == []
    assert stub.poll() is None


def test_a_model_process_whose_server_lives_is_left_alone(models: Path, tmp_path: Path) -> None:
    server = tmp_path / "server"
    child = "import os, sys; os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[2:]); os.wait()"
    stub = str(server / "backends" / "python" / "triton_python_backend_stub")
    of_model = [sys.executable, stub, str(models / "minilm" / "1" / "model.py")]
    command = [str(server / "bin" / "tritonserver"), "-c", child, *of_model]
    with subprocess.Popen(
        command, executable=sys.executable, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        assert end_orphans(server, models) == []
        os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (0, "no Triton server under"),
        (1, "the Python stub is not in its place"),
        (2, "no weights of the model `chat` under"),
        (3, "no corpus in"),
    ],
)
def test_what_the_set_up_has_not_made_is_named_with_the_command(tmp_path: Path, made: int, told: str) -> None:
    packages = tmp_path / "packages"
    server = packages / "pytriton" / "tritonserver"
    needed = (
        server / "bin" / "tritonserver",
        server / "backends" / "python" / "triton_python_backend_stub",
        packages / PACKAGE / FILE,
        tmp_path / "corpus-current.json",
    )
    for path in needed[:made]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    with pytest.raises(SystemExit, match=rf"{told}.*run infra/triton/prepare\.py"):
        check_prepared(tmp_path, server, tmp_path)


def test_all_that_is_needed_is_enough(tmp_path: Path) -> None:
    server = tmp_path / "pytriton" / "tritonserver"
    for path in (
        server / "bin" / "tritonserver",
        server / "backends" / "python" / "triton_python_backend_stub",
        tmp_path / PACKAGE / FILE,
        tmp_path / "corpus-current.json",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    check_prepared(tmp_path, server, tmp_path)
