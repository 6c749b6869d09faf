"""A service's link to Kafka, built once in `__main__` from the shared settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from weir.runtime.identity import Numbering
from weir.runtime.kafka.culprits import Culprits
from weir.runtime.kafka.deadletter import DeadLetters
from weir.runtime.kafka.producer import EventProducer
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.kafka.serde import Serde
from weir.runtime.rejects import Limits
from weir.runtime.settings import SharedSettings


@dataclass(frozen=True, slots=True)
class Link:
    """What a service needs to speak events: codec, producer, and the numbering of what it says."""

    serde: Serde
    producer: EventProducer
    numbering: Numbering
    folder: Path
    """The service's own folder."""

    async def close(self) -> None:
        """Flush what is on its way and close the connections to the broker and the registry."""
        await self.producer.stop()
        await self.serde.close()

    def dead_letters(self, group: str, limits: Limits) -> DeadLetters:
        """The dead letters of one of the service's consumer groups, numbered as a source of their own."""
        numbering = Numbering(f"{self.numbering.source}/dead-letters/{group}")
        culprits = Culprits(self.folder / f"culprits-{group}.json")
        return DeadLetters(self.producer, numbering, group, limits, culprits)


def link_from(settings: SharedSettings, service: str) -> Link:
    """The link of `service`, not connected yet; call `producer.start(stop)`."""
    source = f"{service}/{settings.instance}"
    cache_file = settings.data_dir / service / "schema-ids.json"
    catalog = SchemaCatalog(settings.registry_url, cache_file, settings.registry_token_text())
    serde = Serde(catalog, settings.message_bytes_max)
    producer = EventProducer(settings.kafka_bootstrap, serde, client_id=f"weir-{source.replace('/', '-')}")
    return Link(serde, producer, Numbering(source), settings.data_dir / service)
