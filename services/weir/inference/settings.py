"""Settings of the inference service, read once in `__main__` from `WEIR_INFERENCE_*` and the shared `WEIR_*`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from weir.runtime.rpc_settings import RpcSettings
from weir.runtime.settings import variables_of
from weir.runtime.tls_settings import TlsSettings


class InferenceSettings(RpcSettings, TlsSettings, alias_generator=variables_of("WEIR_INFERENCE_")):
    """Where calls come in, where Triton is, and every bound of the two jobs of this service."""

    parts: Literal["all", "serve", "features"] = "all"
    """Jobs of this process: forwarding calls, computing features, or both. Two processes keep a burst of features
    out of the latency of calls."""

    grpc_host: str = "127.0.0.1"
    """Address the gRPC server binds to; loopback unless set."""

    grpc_port: int = Field(default=8101, ge=0, le=65_535)
    """Port of the gRPC server; 0 picks a free one."""

    triton_address: str = Field(default="127.0.0.1:8001", validation_alias="WEIR_TRITON_ADDRESS")
    """host:port of Triton's gRPC endpoint."""

    calls_max: int = Field(default=128, ge=1)
    """Inference calls in flight; one more is refused. Chosen: four times the concurrency we bench at."""

    streams_max: int = Field(default=256, ge=1)
    """Streams open, counted apart from calls: idle ones keep nobody out. Chosen: as many as a gateway has open."""

    control_calls_max: int = Field(default=64, ge=1)
    """Health and metadata calls in flight, counted apart so that readiness answers under load. Arbitrary: more
    than probes and clients that start at once ask; any value from 8 to 256 would do."""

    retry_after_ms: int = Field(default=250, ge=0)
    """Pause a refused client is asked to make, milliseconds. Chosen: a few unary answers long."""

    deadline_ms: int = Field(default=30_000, ge=1)
    """Deadline of a unary call whose client set none, milliseconds. Arbitrary: any value from the slowest model's answer (a few
    seconds) to a client's patience (a minute) would do."""

    stream_deadline_ms: int = Field(default=600_000, ge=1)
    """Deadline of a stream whose client set none, milliseconds; one stream may carry many requests: twenty
    unary deadlines."""

    grpc_message_bytes_max: int = 16_777_216
    """Largest gRPC message received or sent, bytes. Chosen: the largest event of the log."""

    embedding_model: str = "minilm"
    """Triton model that embeds texts: BYTES `text` [n,1] in, FP32 `embedding` [n,dimensions] out."""

    embedding_dimensions: int = Field(default=384, ge=1)
    """Length of an embedding, numbers; 384 is MiniLM's."""

    embed_sample_rate: float = Field(default=1.0, ge=0, le=1)
    """Share of calls whose texts are embedded, by hash of the request id; statistics are computed for every call."""

    embed_salt: str = "weir-embed-1"
    """Salt of that hash; another salt chooses other calls."""

    embed_chars_max: int = Field(default=2_000, ge=1)
    """Characters of a text that are embedded. Chosen: MiniLM reads 256 word pieces, about 1,200 characters."""

    embed_batch_texts: int = Field(default=32, ge=1)
    """Texts in one embedding call, at most; 32 is the largest batch of the packaged model."""

    embed_calls_max: int = Field(default=2, ge=1)
    """Embedding calls in flight. Chosen: one computing, one queued behind it."""

    embed_deadline_ms: int = Field(default=30_000, ge=1)
    """Deadline of one embedding call, milliseconds. Measured: 32 texts take about 1 s on one CPU core."""

    embedding_cache_entries: int = Field(default=8_192, ge=0)
    """Embeddings kept by content hash; 384 float32 each, so about 14 MB. Chosen: small beside the
    400 MB of the model that they spare."""

    batch_messages_max: int = Field(default=64, ge=1, le=256)
    """Responses taken from the log at once. Chosen: two embedding calls for prompts, two for answers."""
