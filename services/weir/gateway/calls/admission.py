"""Admission of calls, the same for both listeners: who calls, what the route means, whether there is room; and their records.

Everything here is memory and one append to the spool; no call waits for Kafka, the registry or a disk sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weir.gateway.adapters.keys_file import KeysFile
from weir.gateway.adapters.metrics import CRASHES, CUT_ANSWERS, REFUSALS, SHED
from weir.gateway.calls.call_metrics import CallMetrics
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.calls.group_sync import GroupSync
from weir.gateway.calls.request_ids import RequestIds
from weir.gateway.calls.turnstile import Turnstile
from weir.gateway.core.bucket import Buckets
from weir.gateway.core.call import Call, CallEnd, Feedback, GapReason
from weir.gateway.core.capture_full import CaptureFull
from weir.gateway.core.captured import Answer
from weir.gateway.core.catalog import Catalog, Resolved
from weir.gateway.core.errors import Refusal
from weir.gateway.core.keys import Caller, caller_of
from weir.gateway.core.policy import demand_parameters, demand_size
from weir.gateway.core.record import Kind
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import monotonic_s, now_us
from weir.runtime.telemetry.logs import logger

FULL_RETRY_S = 5.0
"""Seconds a client is asked to wait when the spool is full. Arbitrary; any value from 1 to 30 would do: room comes a segment
at a time, as the drain works."""


class Admission:
    """Admits calls and records them."""

    def __init__(
        self,
        settings: GatewaySettings,
        keys: KeysFile,
        catalog: Catalog,
        capture: SpoolCapture,
        request_ids: RequestIds,
        group_sync: GroupSync | None = None,
    ) -> None:
        """group_sync: given with durability fsync. Raises BadSetting for limits of tenants that say nothing sensible."""
        self.settings = settings
        self.catalog = catalog
        self.request_ids = request_ids
        self.turnstile = Turnstile(settings)
        self._keys = keys
        self._capture = capture
        self._group_sync = group_sync
        self._refusals = Buckets()
        self._calls = CallMetrics(catalog.knows, settings.metric_routes_max)

    def caller(self, authorization: str, *, is_loopback: bool) -> Caller:
        """Who calls. Raises Refusal("unauthenticated")."""
        anonymous = self.settings.anonymous_tenant if is_loopback else ""
        return caller_of(authorization, self._keys.current(), now_us(), anonymous_tenant=anonymous)

    def permit(self, caller: Caller, resolved: Resolved) -> None:
        """Raises Refusal when the caller has not the scope of the route's task, or not the route."""
        caller.demand("embed" if resolved.model.task == "embeddings" and "infer" not in caller.scopes else "infer")
        caller.demand_route(resolved.route)

    def admit(self, caller: Caller, resolved: Resolved, wire_bytes: int, parameters: Mapping[str, object]) -> None:
        """Raises Refusal when a permitted caller sends or asks too much for this route or this minute.

        parameters: what is asked beside the text; may be empty where the route's policy says nothing about them.
        """
        demand_size(resolved.policy, resolved.route, wire_bytes)
        demand_parameters(resolved.policy, resolved.route, parameters)
        self.turnstile.charge_tokens(caller, wire_bytes)

    def requested(self, call: Call, wire: bytes) -> bool:
        """Record that a call goes upstream; False when its event was shed.

        Raises Refusal("capture_full") when the setting says reject.
        """
        try:
            self._capture.requested(call, wire)
        except CaptureFull as error:
            self._full(error, "requested", call.tenant)
            return False
        return True

    def completed(self, call: Call, end: CallEnd, wire: bytes, answer: Answer, *, is_open: bool) -> Refusal | None:
        """Record how an admitted call ended, before its last byte leaves. Returns what its client is to be told instead.

        Where the whole record finds no room: with `reject` the client is told a Refusal, and a small record says that it
        was; with `shed` the small record says how the call ended. An end that the spool does not take at all, or of which no
        record can be made, is shed by name. is_open: whether the call's request is recorded.
        """
        try:
            end, refusal = self._kept(call, end, wire, answer)
        except CaptureFull as error:
            refusal = self._shed_end(call, error, is_open=is_open)
        except Exception as error:  # noqa: BLE001  # a record that cannot be made must not keep the slot; it is shed by name
            CRASHES.inc()
            logger().error("end_not_recordable", request_id=call.request_id, exc_info=error)
            untaken = CaptureFull(f"no record can be made of it: {type(error).__name__}", "not_recordable")
            refusal = self._shed_end(call, untaken, is_open=is_open)
        self._calls.ended(call, end)
        return refusal

    def _kept(self, call: Call, end: CallEnd, wire: bytes, answer: Answer) -> tuple[CallEnd, Refusal | None]:
        """The end as it is recorded, whole or small. Raises CaptureFull when there is not even room for a small record."""
        refusal = None
        try:
            self._capture.completed(call, end, wire, answer)
        except CaptureFull as error:
            refusal = self._rejection(error, call.tenant)
            if refusal is not None:
                end = _rejected(end, refusal)
            self._capture.ended(call, end, len(wire), answer.size_bytes)
            logger().warning("end_without_texts", request_id=call.request_id, tenant=call.tenant, error=str(error))
        if answer.is_cut:
            CUT_ANSWERS.inc()
        return end, refusal

    def _shed_end(self, call: Call, error: CaptureFull, *, is_open: bool) -> Refusal | None:
        self._shed("completed", error.reason, call.tenant, str(error), ended=call.request_id if is_open else "")
        return self._rejection(error, call.tenant)

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

    def refused(self, call: Call, end: CallEnd, wire_bytes: int) -> None:
        """Record a call that was not admitted, or only count it: a tenant has so many records a minute, strangers are
        one tenant, and while half of the spool is full there are none. Never raises: its client is refused either way.
        """
        self._calls.refused(call, end)
        record = "kept"
        per_minute = self.settings.refusals_recorded_per_minute
        if self._refusals.take(call.tenant, per_minute, 1, monotonic_s()):
            record = "sampled_out"
        else:
            try:
                self._capture.refused(replace(call, model=""), end, wire_bytes)
            except CaptureFull:
                record = "no_room"
        REFUSALS.labels(end.error_type, record).inc()

    def feedback(self, feedback: Feedback) -> None:
        """Record a judgement. Raises Refusal("capture_full")."""
        try:
            self._capture.feedback(feedback)
        except CaptureFull as error:
            self._full(error, "feedback", feedback.tenant)

    def _full(self, error: CaptureFull, kind: Kind, tenant: str) -> None:
        refusal = self._rejection(error, tenant)
        if refusal is not None:
            raise refusal from error
        self._shed(kind, error.reason, tenant, str(error))

    def _rejection(self, error: CaptureFull, tenant: str) -> Refusal | None:
        if self.settings.on_full_by_tenant.get(tenant, self.settings.on_full) == "shed":
            return None
        return Refusal("capture_full", str(error), retry_after_s=FULL_RETRY_S)

    def _shed(self, kind: Kind, reason: GapReason, tenant: str, error: str, *, ended: str = "") -> None:
        self._capture.shed(kind, reason, ended)
        SHED.labels(tenant, reason).inc()
        logger().warning("event_shed", kind=kind, tenant=tenant, error=error)


def _rejected(end: CallEnd, refusal: Refusal) -> CallEnd:
    return replace(
        end,
        outcome="failed",
        status_code=refusal.status_code,
        http_status=None if end.http_status is None else refusal.http_status,
        error_type=refusal.error_type,
        error_message=refusal.message,
    )
