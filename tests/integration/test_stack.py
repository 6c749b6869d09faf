"""The embedded stack: one per folder, on loopback alone, small, and back after a crash."""

from __future__ import annotations

import signal

import psutil
import pytest

from harness.stack.running_stack import RunningStack
from harness.stack.umask import umask_of
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack import StackError, start_stack

pytestmark = pytest.mark.stack
MEMORY_MIB_MAX = 4_096
"""Memory of the whole idle stack, proportional set size. Specified."""


def test_a_second_stack_on_the_same_folder_is_refused_and_the_first_goes_on(stack: RunningStack) -> None:
    with pytest.raises(StackError, match="already"):
        start_stack(stack.home)

    assert stack.inner.is_ready("gateway")


def test_nothing_listens_beyond_loopback(stack: RunningStack) -> None:
    supervisor = psutil.Process(stack.inner.supervisor.pid())
    listening = {
        connection.laddr.ip
        for process in [supervisor, *supervisor.children(recursive=True)]
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }

    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert listening


def test_every_process_makes_files_for_its_user_alone(stack: RunningStack) -> None:
    supervisor = psutil.Process(stack.inner.supervisor.pid())
    masks = {process.name(): umask_of(process.pid) for process in [supervisor, *supervisor.children(recursive=True)]}

    assert {"java", "tritonserver"} <= masks.keys()
    assert set(masks.values()) == {0o077}, masks


@pytest.mark.capability("X9")
def test_the_whole_stack_fits_its_memory(stack: RunningStack) -> None:
    rows = stack.inner.status()

    assert {"kafka", "triton", "lineage", "gateway"} <= {row["name"] for row in rows}
    assert 500 < sum(float(row["pss_mib"]) for row in rows) <= MEMORY_MIB_MAX


def test_a_crashed_service_is_started_again(stack: RunningStack) -> None:
    before = stack.pid("evaluator")

    stack.kill("evaluator", signal.SIGKILL)

    eventually(lambda: stack.pid("evaluator") not in (0, before), within_s=PATIENCE_S, what="a new evaluator process")
    stack.until_ready("evaluator")
