"""The running stack as the demo needs it: addresses, the demo's key, and its memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the stack listens, and what a client needs to know. URLs are base URLs without a trailing slash."""

    kafka_bootstrap: str
    registry_url: str
    lineage_url: str
    gateway_http: str
    gateway_grpc: str
    drift_url: str
    api_key: str
    tenant: str
    corpus_dir: Path

    @property
    def key_header(self) -> dict[str, str]:
        """The header that names the caller to the gateway."""
        return {"authorization": f"Bearer {self.api_key}"}


class StackFailed(Exception):
    """The stack did not come up; the text names the process and its log."""
