"""What the gateway knows of a call: when it starts, and when it ends.

Both are plain facts. The listeners (gRPC, HTTP) fill them in; `capture` makes spool records of them, and the drain
makes events of those, in another process, so that nothing is decoded on the hot path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from weir.events import Outcome, Reference
from weir.events.record import direct_init

Protocol = Literal[
    "oip-grpc",
    "oip-grpc-stream",
    "openai-chat",
    "openai-chat-stream",
    "openai-completions",
    "openai-completions-stream",
    "openai-embeddings",
]
"""Way in, on the events of a call."""

Upstream = Literal["oip", "openai"]
"""What the server of the model speaks: the Open Inference Protocol, by way of the inference service, or OpenAI's API."""


@direct_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it started. Times in microseconds since 1970-01-01 UTC; ids as in the events of the same name."""

    request_id: str
    """UUIDv7; returned to the client as `weir-request-id`."""
    tenant: str
    trace_id: str
    span_id: str
    parent_span_id: str
    start_time_us: int
    protocol: Protocol
    operation: str
    """`gen_ai.operation.name`: chat, text_completion, embeddings or inference."""
    route: str
    """Name the client asked for."""
    model: str = ""
    """Model asked, as its server calls it; empty while none was chosen."""
    client_request_id: str = ""
    session_id: str = ""
    deadline_ms: int | None = None
    trace_flags: str = "01"
    """W3C trace flags of the caller, sent on unchanged: bit 0 says sampled. Every call is recorded, sampled or not."""
    tracestate: str = ""
    """W3C tracestate of the caller, sent on; empty when none."""
    user_text: str | None = None
    """The user's own words where the listener knows them (HTTP); None where the drain reads them off the wire."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Attributes of the call's root span that the client named: user, metadata."""
    references: tuple[Reference, ...] = ()
    """Assets resolved from the registry for this call."""
    upstream: Upstream = "oip"
    """Which messages the call's records hold."""

    def bare(self) -> Call:
        """The call without the words in it: what its end needs where the gateway died."""
        return replace(self, user_text=None) if self.user_text else self

    @property
    def is_stream(self) -> bool:
        """Whether the client asked for the answer in pieces."""
        return self.protocol.endswith("-stream")


@direct_init
@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnd:
    """How a call ended."""

    end_time_us: int
    outcome: Outcome
    status_code: int
    """gRPC status code number, 0 to 16."""
    http_status: int | None = None
    error_type: str = ""
    """Stable word, for example model_not_found; empty on success."""
    error_message: str = ""
    first_token_time_us: int | None = None
    """When the first streamed piece left; None when not streamed."""
    server_timing_json: str = ""
    """Value of the `weir-server-timing` trailer of the inference service: a JSON list of spans; empty when none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A user's judgement of one call."""

    event_id: str
    tenant: str
    request_id: str
    time_us: int
    score: float
    """-1 (bad) to 1 (good)."""
    label: str = ""
    comment: str = ""
