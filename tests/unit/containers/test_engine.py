"""The engine's programs are unpacked whole or again, and its end hides nothing. Docker itself is not needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from containers import images
from containers.engine import Engine
from containers.images import make_base
from containers.telling import StepFailed, Teller

Script = Callable[[Path, str, str], None]

UNPACK = 'mkdir -p "$3/usr/bin" "$3/usr/sbin" && touch "$3/usr/bin/docker-compose" "$3/usr/bin/dockerd"'
BROKEN_OFF = 'mkdir -p "$3/usr/bin" "$3/usr/sbin" && touch "$3/usr/bin/docker-compose" && exit 1'
BUILD = 'for last; do :; done; echo "$@" > "$last"; echo built >> "$HOME/builds"'


@pytest.fixture
def teller(tmp_path: Path) -> Teller:
    return Teller(1, tmp_path / "log.txt")


@pytest.fixture
def engine(tmp_path: Path, teller: Teller) -> Engine:
    return Engine(tmp_path, teller)


@pytest.fixture
def programs(engine: Engine) -> Path:
    """Where the engine finds its programs first."""
    return engine.root / "usr" / "bin"


@pytest.fixture
def on_debian(tmp_path: Path, script: Script, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an `apt-get` that downloads one package, first on the search path."""
    folder = tmp_path / "of-the-machine"
    script(folder, "apt-get", '[ "$2" = update ] || touch one.deb')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return folder


def test_programs_whose_unpacking_broke_off_are_unpacked_again(engine: Engine, on_debian: Path, script: Script) -> None:
    script(on_debian, "dpkg", BROKEN_OFF)
    with pytest.raises(StepFailed, match="ended with 1"):
        engine.fetch()

    script(on_debian, "dpkg", UNPACK)
    assert "packages unpacked" in engine.fetch()
    assert (engine.root / "usr" / "bin" / "dockerd").exists()
    assert engine.fetch() == "there already"


def test_a_base_image_for_another_server_of_packages_is_built_again(
    tmp_path: Path,
    engine: Engine,
    teller: Teller,
    programs: Path,
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script(programs, "mmdebstrap", BUILD)
    script(programs, "docker", "exit 0")

    def builds() -> int:
        make_base(engine, tmp_path, teller)
        return len((tmp_path / "builds").read_text().splitlines())

    assert [builds(), builds()] == [1, 1]
    monkeypatch.setattr(images, "PIP", "[global]\nno-index = true\nfind-links = http://172.31.0.1:8100/\n")
    assert [builds(), builds()] == [2, 2]
    monkeypatch.setattr(images, "SUITE", "trixie")
    assert [builds(), builds()] == [3, 3]


def test_an_engine_that_died_at_its_start_is_told_with_its_own_words(
    engine: Engine, programs: Path, script: Script
) -> None:
    script(programs, "unshare", "echo 'no space left for iptables' >&2; exit 1")
    script(programs, "docker", "exit 1")

    with pytest.raises(AssertionError, match="no space left for iptables"):  # noqa: PT012  # as `containers` does it
        try:
            engine.start()
        finally:
            engine.stop()


def test_the_end_of_a_running_engine_gives_its_disk_back(
    tmp_path: Path, engine: Engine, programs: Path, script: Script
) -> None:
    script(programs, "unshare", 'mkdir -p "$HOME/data"; echo $$ > "$HOME/pid"; exec sleep 300')
    script(programs, "docker", '[ -s "$HOME/pid" ]')

    assert engine.start() == "answers"
    engine.stop()

    assert not (tmp_path / "data").exists()
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
