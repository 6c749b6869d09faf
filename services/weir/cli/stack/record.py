"""The record of a stack: how it is reached, written when its start begins and completed when everything is ready.

It says where to look, never whether something lives; that is known from locks and processes (see `state`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from weir.cli.stack.layout import Layout
from weir.cli.stack.secrets import write_private


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How a stack is reached."""

    home: str
    instance: str
    """Id of this start of the stack."""
    kafka_bootstrap: str
    registry_url: str
    lineage_url: str
    alerts_url: str
    drift_url: str
    gateway_drain_url: str
    gateway_http: str
    gateway_grpc: str
    triton_grpc: str
    triton_http: str
    keys_file: str
    demo_key_file: str
    ready_seconds: float | None
    """Seconds until everything was ready; None while it is being started."""
    environment: dict[str, str]
    """What a process needs to belong to the stack."""
    ports: dict[str, int]
    otlp_url: str = ""
    """OTLP over HTTP; empty for a stack of before."""
    otlp_grpc: str = ""
    otlp_drain_url: str = ""


class UnreadableRecord(ValueError):
    """The record of a stack cannot be read; the text names the file and says why."""


def write_record(place: Layout, endpoints: Endpoints) -> None:
    """Write the record whole or not at all."""
    write_private(place.endpoints_file, json.dumps(asdict(endpoints), indent=2) + "\n")


def read_record(place: Layout) -> Endpoints | None:
    """The record in a folder; None where there is none. Raises UnreadableRecord."""
    try:
        return Endpoints(**json.loads(place.endpoints_file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UnreadableRecord(f"{place.endpoints_file} cannot be read: {error}") from error
