"""Client call: one that takes longer than the limit is named, no other one is, and the process then ends."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from weir.lineage.sink.core.client_call import ClientCall
from weir.lineage.sink.group import Kept
from weir.lineage.sink.sink import HUNG_EXIT_CODE

LIMIT_S = 60.0

HANGS_AT_ONCE = """
import weir.lineage.sink.sink as sink
sink.CLIENT_CALL_S = 0.05  # less than one look for messages takes, so that it counts as hanging
from weir.lineage.__main__ import main
from weir.runtime.process import run
run(main)
"""


@given(st.lists(st.tuples(st.sampled_from(["consume", "commit", "close", None]), st.floats(0, 200)), max_size=30))
def test_a_call_hangs_when_it_alone_has_taken_longer_than_the_limit(steps: list[tuple[str | None, float]]) -> None:
    call, now_s = ClientCall(LIMIT_S), 1_000.0
    for name, takes_s in steps:
        began_s = now_s
        call.leave() if name is None else call.enter(name, began_s)
        now_s += takes_s
        hung = call.hangs(now_s)
        assert bool(hung) == (name is not None and now_s - began_s > LIMIT_S)
        assert name is None or not hung or hung.startswith(f"{name} takes ")


def test_it_says_which_call_and_how_long() -> None:
    call = ClientCall(LIMIT_S)
    call.enter("close", 10.0)

    assert call.hangs(70.0) == ""
    assert call.hangs(71.6) == "close takes 62 s, more than 60"


class Standing:
    """A consumer of the library whose call of this name returns once it may."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.is_in, self.may_return = threading.Event(), threading.Event()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition("spans", 0)]

    def pause(self, _: object) -> None:
        self._stand("pause")

    def poll(self, _: float) -> None:
        self._stand("poll")

    def resume(self, _: object) -> None:
        self._stand("resume")

    def _stand(self, name: str) -> None:
        if name == self._name:
            self.is_in.set()
            assert self.may_return.wait(60)


@pytest.mark.parametrize("name", ["pause", "poll", "resume"])
def test_a_client_that_hangs_while_the_store_is_awaited_is_named_and_the_wait_itself_is_not(name: str) -> None:
    call, consumer, stop = ClientCall(LIMIT_S), Standing(name), threading.Event()

    def waits() -> None:
        with Kept(consumer, call, stop, lambda _: None) as kept:
            kept.wait(0.01)

    thread = threading.Thread(target=waits)
    thread.start()
    assert consumer.is_in.wait(60)

    assert call.hangs(time.monotonic() + LIMIT_S + 1).startswith(f"{name} takes ")
    consumer.may_return.set()
    thread.join(60)
    assert call.hangs(time.monotonic() + LIMIT_S + 1) == ""


@pytest.mark.capability("X1")
@pytest.mark.slow
def test_a_client_that_hangs_ends_the_process_and_the_log_names_the_call(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS_AT_ONCE],
        env={
            "WEIR_DATA_DIR": str(tmp_path),
            "WEIR_KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "WEIR_HTTP_PORT": "0",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": ":".join(filter(None, sys.path)),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == HUNG_EXIT_CODE, done.stdout + done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if "kafka_client_hangs" in line]
    (hung,) = [line["call"] for line in told]
    assert hung.split()[0] in {"consume", "look"}, "which of the two the watch meets is a matter of time"
