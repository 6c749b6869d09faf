"""`python -m weir.registry`: opens the database, registers this build's schemas, serves, relays changes to Kafka."""

from __future__ import annotations

import asyncio

from weir.events import SCHEMA_JSON, TOPICS
from weir.registry.adapters import outbox
from weir.registry.adapters.change_outbox import ChangeOutbox
from weir.registry.adapters.database import Database
from weir.registry.api.assets import AssetApi
from weir.registry.api.schemas import SchemaApi, page_of
from weir.registry.app.app import Registry
from weir.registry.app.subjects import Subjects
from weir.registry.settings import RegistrySettings
from weir.runtime.clock import now_us
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.relay import Relay
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.process import begin, run, together

SERVICE = "registry"

IDENTITY_TIMEOUT_S = 2.0
"""Seconds for the broker's answer about its topic. Chosen: a busy broker answers in one; a stop waits no longer than this."""


async def main(stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    settings = RegistrySettings()
    begin(SERVICE, settings)
    policy = policy_of(settings, settings.body_bytes_max)
    database = Database(settings.url())
    link = link_from(settings, SERVICE)
    topic_ids = TopicIds(settings.kafka_bootstrap, IDENTITY_TIMEOUT_S)
    changes = ChangeOutbox(database, topic_ids)
    relay = Relay(changes, link.producer, settings.relay_events_max, settings.relay_pause_s)
    subjects = Subjects(database)
    with database.writing() as connection:
        outbox.set_up_numbering(connection, link.numbering.source, now_us())
    subjects.register_all({f"{name}-value": SCHEMA_JSON[topic.event] for name, topic in TOPICS.items()})
    routes = [
        *AssetApi(Registry(database, relay.announce, settings.guarded_aliases()), settings).routes(),
        *SchemaApi(subjects, settings).routes(),
    ]
    try:
        await together(
            stop,
            serve(application(dict, policy, routes, page_of), stop),
            relay.run(stop),
        )
    finally:
        await link.close()
        database.close()


if __name__ == "__main__":
    run(main)
