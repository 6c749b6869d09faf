"""`python -m weir.inference`: forwards calls to Triton and computes the features of their texts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from weir.inference.adapters.channel_options import channel_options
from weir.inference.adapters.forwarding import Forwarder, Limits
from weir.inference.adapters.triton_embedder import TritonEmbedder
from weir.inference.api.server import InferenceServer
from weir.inference.app import GROUP, IN_TOPIC, Features
from weir.inference.core.features import Plan
from weir.inference.core.gate import Gate
from weir.inference.core.vectors import EmbeddingCache
from weir.inference.settings import InferenceSettings
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.consumer import Consumer
from weir.runtime.kafka.link import link_from
from weir.runtime.oip import OipClient
from weir.runtime.process import begin, run, together

SERVICE = "inference"


async def main(stop: asyncio.Event) -> None:
    """Run the parts that the settings name until `stop` is set."""
    settings = InferenceSettings()
    begin(SERVICE, settings)
    policy = policy_of(settings)
    parts: list[Awaitable[None]] = []
    server = None
    if settings.parts != "features":
        server = await serving(settings)
        parts.append(server.run(stop))
    if settings.parts != "serve":
        parts.append(features(settings, stop))
    app = application(server.readiness if server else dict, policy)
    await together(stop, serve(app, stop), *parts)


async def serving(settings: InferenceSettings) -> InferenceServer:
    """The gRPC server, listening. Raises OSError when its port is taken, BadSetting when TLS files cannot be used."""
    options = channel_options(settings.grpc_message_bytes_max, settings.upstream_certificates())
    upstream = OipClient(settings.triton_address, options, settings.rpc)
    limits = Limits(settings.deadline_ms, settings.stream_deadline_ms, settings.retry_after_ms)
    gates = Gate(settings.calls_max), Gate(settings.streams_max), Gate(settings.control_calls_max)
    forwarder = Forwarder(upstream, *gates, limits)
    server = InferenceServer(forwarder, upstream, settings)
    await server.start(settings.grpc_host, settings.grpc_port, settings.listener_certificates())
    return server


async def features(settings: InferenceSettings, stop: asyncio.Event) -> None:
    """Consume responses and publish their features until `stop` is set."""
    link = link_from(settings, SERVICE)
    embedder = TritonEmbedder.connect(settings)
    plan = Plan(
        embedding_model=settings.embedding_model,
        embedding_dimensions=settings.embedding_dimensions,
        embed_sample_rate=settings.embed_sample_rate,
        embed_salt=settings.embed_salt,
        embed_chars_max=settings.embed_chars_max,
    )
    consumer = Consumer(
        bootstrap=settings.kafka_bootstrap,
        group=GROUP,
        topics=[IN_TOPIC],
        serde=link.serde,
        dead_letters=link.dead_letters(GROUP, settings.reject_limits),
        handle=Features(link, embedder, EmbeddingCache(settings.embedding_cache_entries), plan, stop).handle,
        batch_messages_max=settings.batch_messages_max,
    )
    try:
        await link.producer.start(stop)
        await consumer.run(stop)
    finally:
        await link.close()
        await embedder.close()


if __name__ == "__main__":
    run(main)
