"""What the sink checks of a message without decoding it."""

from __future__ import annotations

from dataclasses import dataclass

from weir.events import InvalidEvent, unframe
from weir.events.log import RawMessage


@dataclass(frozen=True, slots=True)
class Body:
    """A message whose framing is right: its schema id, its Avro body and where it stands."""

    offset: int
    schema_id: int
    data: bytes
    written_us: int = 0
    """When it was written to the log, microseconds since 1970-01-01 UTC."""
    partition: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset."""
        return self.partition, self.offset


def body_of(message: RawMessage, bytes_max: int) -> Body:
    """Checks the outside of a message. Raises InvalidEvent for a null, oversized or unframed one."""
    value = message.value
    if value is not None and len(value) > bytes_max:
        raise InvalidEvent("oversized", f"value has {len(value)} bytes; at most {bytes_max} are taken")
    schema_id, data = unframe(value)
    return Body(message.offset, schema_id, data, message.timestamp_us, message.partition)
