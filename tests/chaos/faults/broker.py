"""Kafka is restarted, killed, frozen, away for longer than the spool lasts, or behind a bad connection."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from chaos.faults.spool import SMALL_SPOOL_BYTES, row_of_policy, until_full
from chaos.guests import second_gateway
from chaos.proxy import Mode, Proxy
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls
from harness.calls.callers import calling
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.stack.service_process import free_port
from harness.waiting import NOTICED_WITHIN_S, RECOVER_WITHIN_S, eventually, lasts

BACKLOG = "weir_gateway_spool_backlog_bytes"


def killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the broker."""
    return _gone(
        stack,
        "broker killed",
        times,
        lambda: stack.kill("kafka", signal.SIGKILL),
        lambda: stack.until_ready("kafka", within_s=RECOVER_WITHIN_S),
    )


def restarted(stack: RunningStack, times: int) -> Row:
    """The broker stops cleanly and comes back."""
    return _gone(stack, "broker restarted", times, lambda: stack.stop("kafka"), lambda: _back(stack))


def frozen(stack: RunningStack, seconds: float) -> Row:
    """The broker is frozen: connections stand, nobody answers."""

    def thaw() -> None:
        lasts(seconds)
        stack.kill("kafka", signal.SIGCONT)

    return _gone(stack, f"broker frozen {seconds:.0f} s", 1, lambda: stack.kill("kafka", signal.SIGSTOP), thaw)


def _gone(stack: RunningStack, fault: str, times: int, act: Callable[[], None], undo: Callable[[], None]) -> Row:
    """Something happens to Kafka under calls, which do not notice."""
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.more(20)
            act()
            calls.more(20)
            undo()
        calls.more(20)
    row = row_of_calls(stack, fault, times, calls.acknowledged, "no call noticed")
    return replace(row, problem=f"{calls.refused} calls failed: {calls.refusals}" if calls.refused else "")


def outlives_spool(stack: RunningStack, policy: str) -> Row:
    """Kafka itself is stopped for longer than the spool lasts."""
    settings = {"WEIR_GATEWAY_SPOOL_BYTES_MAX": SMALL_SPOOL_BYTES, "WEIR_GATEWAY_ON_FULL": policy}
    with second_gateway(stack, f"gone-{policy}", **settings) as gateway:
        with calling(lambda: gateway.grpc_address) as calls:
            calls.more(10)
            stack.stop("kafka")
            try:
                until_full(gateway, calls, policy)
            finally:
                _back(stack)
            calls.more(20)
        eventually(lambda: gateway.drain.metric(BACKLOG) == 0 or None, within_s=NOTICED_WITHIN_S, what="an empty spool")
        return row_of_policy(stack, f"broker gone longer than the spool, {policy}", policy, gateway, calls)


def _back(stack: RunningStack) -> None:
    stack.start("kafka")
    stack.until_ready("kafka", within_s=RECOVER_WITHIN_S)


def connection_bad(stack: RunningStack, mode: Mode, seconds: float) -> Row:
    """The drain's connections to the broker are cut with RST, or stand half-open, under calls."""
    with (
        Proxy() as proxy,
        proxied_broker(stack, proxy) as bootstrap,
        second_gateway(stack, f"net-{mode}", WEIR_KAFKA_BOOTSTRAP=bootstrap) as gateway,
    ):
        with calling(lambda: gateway.grpc_address) as calls:
            calls.more(20)
            proxy.mode = mode
            _until_backlog(gateway)
            lasts(seconds)
            calls.more(20)
            proxy.mode = "pass"
            calls.more(20)
        word = {"reset": "reset", "silent": "half-open"}[mode]
        row = row_of_calls(stack, f"connections to the broker {word}", 1, calls.acknowledged)
        return replace(row, problem=f"{calls.refused} calls failed" if calls.refused else "")


def _until_backlog(gateway: SecondGateway) -> None:
    eventually(lambda: gateway.drain.metric(BACKLOG) > 0, within_s=NOTICED_WITHIN_S, what="a spool that grows")


@contextmanager
def proxied_broker(stack: RunningStack, proxy: Proxy) -> Iterator[str]:
    """The broker with one more listener whose advertised address is the proxy. Yields host:port for clients."""
    properties = Path(stack.home) / "run" / "kafka.properties"
    plain, port = properties.read_text(), free_port()
    proxy.target_port = port
    properties.write_text(_with_listener(plain, port, proxy.port))
    stack.stop("kafka")
    _back(stack)
    try:
        yield f"127.0.0.1:{proxy.port}"
    finally:
        properties.write_text(plain)
        stack.stop("kafka")
        _back(stack)


def _with_listener(properties: str, port: int, advertised_port: int) -> str:
    lines = []
    for line in properties.splitlines():
        if line.startswith("listeners="):
            lines.append(f"{line},FAULTY://127.0.0.1:{port}")
        elif line.startswith("advertised.listeners="):
            lines.append(f"{line},FAULTY://127.0.0.1:{advertised_port}")
        else:
            lines.append(line)
    protocols = ",".join(f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", "FAULTY"))
    return "\n".join([*lines, f"listener.security.protocol.map={protocols}", ""])
