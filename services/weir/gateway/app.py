"""The desk behind both doors: who calls, what the route means, whether there is room, and the record of it all.

Everything here is memory and one append to the spool; no call waits for Kafka, the registry or a disk sync.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from weir.gateway.adapters.keys_file import KeysFile
from weir.gateway.core.call import Call, CallEnd, Feedback
from weir.gateway.core.catalog import Catalog, Resolved
from weir.gateway.core.errors import Refusal
from weir.gateway.core.keys import Caller, caller_of
from weir.gateway.core.record import Kind
from weir.gateway.group_sync import GroupSync
from weir.gateway.metrics import CALLS, CALLS_AT_ONCE, LATENCY_S, SHED
from weir.gateway.ports import Capture, CaptureFull
from weir.gateway.request_ids import RequestIds
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import now_us
from weir.runtime.telemetry import logger

UNKNOWN_TENANT = "unknown"
"""Tenant of calls whose caller was not authenticated."""

FULL_RETRY_S = 5.0
"""Seconds a client is asked to wait when the spool is full. Chosen."""


class Desk:
    """Admits calls and records them."""

    def __init__(
        self,
        settings: GatewaySettings,
        keys: KeysFile,
        catalog: Catalog,
        capture: Capture,
        request_ids: RequestIds,
        group_sync: GroupSync | None = None,
    ) -> None:
        """group_sync: given with durability fsync."""
        self.settings = settings
        self.catalog = catalog
        self.request_ids = request_ids
        self._keys = keys
        self._capture = capture
        self._group_sync = group_sync
        self._in_hand = 0
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._per_key = RateLimitItemPerMinute(settings.calls_per_minute_key)
        self._per_tenant = RateLimitItemPerMinute(settings.calls_per_minute_tenant)

    def caller(self, authorization: str, *, is_loopback: bool) -> Caller:
        """Who calls. Raises Refusal("unauthenticated")."""
        anonymous = self.settings.anonymous_tenant if is_loopback else ""
        return caller_of(authorization, self._keys.current(), now_us(), anonymous_tenant=anonymous)

    def admit(self, caller: Caller, resolved: Resolved, wire_bytes: int) -> None:
        """Raises Refusal when the caller may not, asks too often or sends too much for this route."""
        caller.demand("embed" if resolved.task == "embeddings" and "infer" not in caller.scopes else "infer")
        caller.demand_route(resolved.route)
        limit = resolved.policy.get("input_bytes_max")
        if isinstance(limit, int) and wire_bytes > limit:
            raise Refusal(
                "payload_too_large",
                f"the request has {wire_bytes} bytes; the policy of {resolved.route!r} allows {limit}",
            )
        for item, name in ((self._per_key, f"key {caller.key_id}"), (self._per_tenant, f"tenant {caller.tenant}")):
            if not self._limiter.hit(item, name):
                raise Refusal(
                    "rate_limited", f"{name} made more than {item.amount} calls a minute; slow down", retry_after_s=10.0
                )

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Counts a call in hand. Raises Refusal("overloaded") when there are too many."""
        if self._in_hand >= self.settings.calls_at_once_max:
            limit = self.settings.calls_at_once_max
            raise Refusal("overloaded", f"{limit} calls are in hand, the limit; try again shortly", retry_after_s=1.0)
        self._in_hand += 1
        CALLS_AT_ONCE.set(self._in_hand)
        try:
            yield
        finally:
            self._in_hand -= 1
            CALLS_AT_ONCE.set(self._in_hand)

    def requested(self, call: Call, wire: bytes) -> None:
        """Record that a call goes upstream. Raises Refusal("capture_full") when the setting says reject."""
        try:
            self._capture.requested(call, wire)
        except CaptureFull as error:
            self._full(error, "requested", call.tenant)

    def completed(self, call: Call, end: CallEnd, wire: bytes, responses: Sequence[bytes]) -> None:
        """Record how a call ended, before its last byte leaves. Raises Refusal("capture_full") as `requested` does."""
        CALLS.labels(call.protocol, end.outcome).inc()
        LATENCY_S.labels(call.protocol).observe((end.end_time_us - call.start_time_us) / 1e6)
        try:
            self._capture.completed(call, end, wire, responses)
        except CaptureFull as error:
            self._full(error, "completed", call.tenant)

    async def settled(self) -> None:
        """Wait until what was recorded is as durable as the setting says; with `process` it is already.

        Raises Refusal("capture_full") when the disk refused, whatever the policy: the record may be lost.
        """
        if self._group_sync is None:
            return
        try:
            await self._group_sync.synced()
        except CaptureFull as error:
            raise Refusal("capture_full", str(error), retry_after_s=FULL_RETRY_S) from error

    def refused(self, call: Call, refusal: Refusal, wire: bytes, *, http_status: int | None = None) -> None:
        """Record a call that was not sent upstream. Never raises: its client gets the refusal either way."""
        end = CallEnd(
            end_time_us=now_us(),
            outcome="refused",
            status_code=refusal.status_code,
            http_status=http_status,
            error_type=refusal.error_type,
            error_message=refusal.message,
        )
        CALLS.labels(call.protocol, "refused").inc()
        try:
            self._capture.completed(replace(call, model=""), end, wire, ())
        except CaptureFull as error:
            self._shed(error, "completed", call.tenant)

    def feedback(self, feedback: Feedback) -> None:
        """Record a judgement. Raises Refusal("capture_full")."""
        try:
            self._capture.feedback(feedback)
        except CaptureFull as error:
            self._full(error, "feedback", feedback.tenant)

    def _full(self, error: CaptureFull, kind: Kind, tenant: str) -> None:
        if self.settings.on_full_by_tenant.get(tenant, self.settings.on_full) == "reject":
            raise Refusal("capture_full", str(error), retry_after_s=FULL_RETRY_S) from error
        self._shed(error, kind, tenant)

    def _shed(self, error: CaptureFull, kind: Kind, tenant: str) -> None:
        self._capture.shed(kind, error.reason)
        SHED.labels(tenant, error.reason).inc()
        logger().warning("event_shed", kind=kind, tenant=tenant, error=str(error))
