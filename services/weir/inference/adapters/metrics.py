"""Metrics of the inference service, with what each one means for the person on call."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("weir_inference_calls_total", "Forwarded gRPC calls, by method and status code.", ["method", "code"])
"""A rise of UNAVAILABLE: Triton is down or its models are not loaded."""

CALL_SECONDS = Histogram(
    "weir_inference_call_seconds",
    "Duration of forwarded inference calls, seconds.",
    ["method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)

IN_FLIGHT = Gauge("weir_inference_calls_in_flight", "Inference calls and streams in flight.")
"""Near WEIR_INFERENCE_CALLS_MAX: the model server is the bottleneck; calls are about to be refused."""

REFUSED = Counter("weir_inference_refused_total", "Calls refused before queueing, by method.", ["method"])
"""A steady rise: more traffic than the model server answers; add instances, or lower the tenants' limits."""

TRITON_READY = Gauge("weir_inference_triton_ready", "1 while Triton says that it is ready, else 0.")

FEATURE_ITEMS = Counter("weir_inference_feature_items_total", "Calls whose features were published, by kind.", ["kind"])
"""kind: embedded, or statistics for a call that was not sampled for embedding."""

SKIPPED = Counter(
    "weir_inference_features_skipped_total", "Responses without a text to measure, by reason.", ["reason"]
)

EMBEDDED_TEXTS = Counter("weir_inference_embedded_texts_total", "Texts embedded by the model.")

EMBED_SECONDS = Histogram(
    "weir_inference_embed_seconds",
    "Duration of one embedding call, seconds.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Rising: the embedding model is short of CPU; lower WEIR_INFERENCE_EMBED_SAMPLE_RATE or give it a GPU."""

CACHE = Counter("weir_inference_embedding_cache_total", "Look-ups in the embedding cache, by result.", ["result"])
"""result: hit or miss."""
