"""Decoder: values of the log to events, with the schemas of the registry, for the time of one command."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from weir.cli import client
from weir.cli.output import CliError, ExitCode
from weir.events import Event
from weir.runtime.errors import Retryable
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.kafka.serde import Serde

Decode = Callable[[str, bytes | None], Event]
"""Topic and value to event. Raises InvalidEvent for what no consumer can read, CliError(NOT_READY)."""


@contextmanager
def decoder(message_bytes_max: int) -> Iterator[Decode]:
    """A decoder that asks the registry once per schema. message_bytes_max: a larger value is invalid."""
    with tempfile.TemporaryDirectory(prefix="weir-schemas-") as folder, asyncio.Runner() as runner:
        # A cache of this command alone: the next one may ask another registry, where the same id is another schema.
        catalog = SchemaCatalog(client.base_url("registry"), Path(folder) / "schema-ids.json", client.token("registry"))
        serde = Serde(catalog, message_bytes_max)

        def decode(topic: str, value: bytes | None) -> Event:
            try:
                return runner.run(serde.decode(topic, value))
            except Retryable as error:
                raise CliError(ExitCode.NOT_READY, str(error), "weir status") from error

        try:
            yield decode
        finally:
            runner.run(serde.close())
