"""Ports of the stack: a default each, another free one where the default is taken, an error where a wish is."""

from __future__ import annotations

import socket
from collections.abc import Mapping

HOST = "127.0.0.1"

DEFAULTS: Mapping[str, int] = {
    "kafka": 19092,
    "kafka_controller": 19093,
    "triton_grpc": 18101,
    "triton_http": 18100,
    "triton_metrics": 18102,
    "registry": 18081,
    "lineage": 18123,
    "inference": 18082,
    "inference_grpc": 18002,
    "gateway": 18080,
    "gateway_grpc": 18001,
    "gateway_drain": 18083,
    "drift": 18084,
    "evaluator": 18085,
    "alerts": 18086,
}
"""Default port by name. Chosen: unassigned, and away from what the real products use."""


class PortTaken(ValueError):
    """A port that was asked for is in use."""


def chosen(wishes: Mapping[str, int]) -> dict[str, int]:
    """A port for every name. wishes: ports that must be used, by name.

    Raises PortTaken naming the port for a wish that is in use or unknown.
    """
    unknown = sorted(set(wishes) - set(DEFAULTS))
    if unknown:
        raise PortTaken(f"no port is named {', '.join(unknown)}; names: {', '.join(DEFAULTS)}")
    found: dict[str, int] = {}
    for name, default in DEFAULTS.items():
        wish = wishes.get(name)
        if wish is not None and not is_free(wish):
            raise PortTaken(
                f"port {wish} for {name} is in use; stop what listens there (ss -ltnp) or choose another port"
            )
        found[name] = wish or (default if is_free(default) and default not in found.values() else _free(found))
    return found


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free(taken: Mapping[str, int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in taken.values() and port not in DEFAULTS.values():
            return port
