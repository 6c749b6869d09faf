"""Ports of the stack: a default each, another free one where the default is taken, an error where a wish is.

Invariant: two stacks that start at the same time never get the same port. A port is reserved by a socket in the abstract
namespace that carries its number: only one process can bind it, the kernel frees it on death, and it reaches exactly as
far as the port does (one network namespace). The supervisor inherits it, so it is held as long as the stack lives.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType

HOST = "127.0.0.1"

PORT_MAX = 65_535
"""Largest port number of TCP."""

DEFAULTS: Mapping[str, int] = {
    "kafka": 19092,
    "kafka_controller": 19093,
    "triton_grpc": 18101,
    "triton_http": 18100,
    "triton_metrics": 18102,
    "registry": 18081,
    "lineage": 18123,
    "lineage_sql": 18124,
    "inference": 18082,
    "inference_grpc": 18002,
    "gateway": 18080,
    "gateway_grpc": 18001,
    "gateway_drain": 18083,
    "otlp": 18318,
    "otlp_grpc": 18317,
    "otlp_drain": 18087,
    "drift": 18084,
    "evaluator": 18085,
    "alerts": 18086,
}
"""Default port by name. Chosen: unassigned by IANA, and away from what the real products use."""


FREE_FROM, FREE_TO = 20_000, 30_000
"""Where another port is looked for. Below the ports that the kernel gives to outgoing connections (32,768 and up), which
would take a port between its choice and its use."""


class PortTaken(ValueError):
    """A port that was asked for is in use, cannot be one, or was asked for twice."""


@dataclass(slots=True)
class Reservation:
    """Ports by name, reserved until it is closed or, once inherited, until the supervisor ends."""

    ports: dict[str, int] = field(default_factory=dict)
    moved: list[str] = field(default_factory=list)
    """Names whose default port was in use and which nobody asked another one for."""
    _held: list[socket.socket] = field(default_factory=list)

    def take(self, name: str, port: int) -> bool:
        """Reserve a port under a name; False when another stack has it or something listens on it."""
        if port in self.ports.values():
            return False
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0weir/port/{port}")
        except OSError:
            mark.close()
            return False
        if not is_free(port):
            mark.close()
            return False
        self.ports[name] = port
        self._held.append(mark)
        return True

    def inherit(self) -> None:
        """Let the processes started from now on keep the ports reserved."""
        for mark in self._held:
            os.set_inheritable(mark.fileno(), True)

    def close(self) -> None:
        """Give up this process's hold."""
        for mark in self._held:
            mark.close()
        self._held.clear()

    def __enter__(self) -> Reservation:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()


def reserve(wishes: Mapping[str, int]) -> Reservation:
    """A port for every name. wishes: ports that must be used, by name.

    Raises PortTaken naming the port for a wish that is in use, unknown, no port, or made twice.
    """
    _check(wishes)
    reservation = Reservation()
    try:
        for name, port in wishes.items():  # first, so that no default takes a port that was asked for
            if not reservation.take(name, port):
                raise PortTaken(
                    f"port {port} for {name} is in use; stop what listens there (ss -ltnp) or choose another port"
                )
        for name, default in DEFAULTS.items():
            if name not in wishes and not reservation.take(name, default):
                _take_any(reservation, name)
                reservation.moved.append(name)
    except BaseException:
        reservation.close()
        raise
    return reservation


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _check(wishes: Mapping[str, int]) -> None:
    unknown = sorted(set(wishes) - set(DEFAULTS))
    if unknown:
        raise PortTaken(f"no port is named {', '.join(unknown)}; names: {', '.join(DEFAULTS)}")
    seen: dict[int, str] = {}
    for name, port in wishes.items():
        if not 1 <= port <= PORT_MAX:
            raise PortTaken(f"port {port} for {name} is no port; expected 1 to {PORT_MAX}")
        if port in seen:
            raise PortTaken(f"port {port} was asked for twice, for {seen[port]} and for {name}; choose two ports")
        seen[port] = name


def _take_any(reservation: Reservation, name: str) -> None:
    for port in _candidates():
        if reservation.take(name, port):
            return
    raise PortTaken(f"no port from {FREE_FROM} to {FREE_TO} is free for {name}; choose one: --port {name}=number")


def _candidates() -> Iterator[int]:
    """Ports to try; each process begins elsewhere, so that stacks started together seldom meet."""
    size = FREE_TO - FREE_FROM
    first = os.getpid() * 16 % size
    return (FREE_FROM + (first + step) % size for step in range(size))
