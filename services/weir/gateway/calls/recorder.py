"""The recorder: every call leaves its records in the spool, as durably as the setting says, or is shed by name.

Everything but `sync` is memory and one append; no call waits for Kafka or the registry.
"""

from __future__ import annotations

from dataclasses import replace

from weir.access.refusals import Refusal
from weir.capture.capture_full import CaptureFull
from weir.capture.gap import GapReason
from weir.capture.group_sync import GroupSync
from weir.gateway.adapters.metrics import CRASHES, CUT_ANSWERS, REFUSALS, SHED
from weir.gateway.calls.call_metrics import CallMetrics
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.bucket import Buckets
from weir.gateway.core.call import Call, CallEnd, Feedback
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.core.record import Kind
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import monotonic_s
from weir.runtime.telemetry.logs import logger

FULL_RETRY_S = 5.0
"""Seconds a client is asked to wait when the spool is full. Arbitrary; any value from 1 to 30 would do: room comes a segment
at a time, as the drain works."""


class Recorder:
    """Records requests, ends, refusals and feedback, and counts ended calls."""

    def __init__(
        self,
        settings: GatewaySettings,
        capture: SpoolCapture,
        metrics: CallMetrics,
        group_sync: GroupSync | None = None,
    ) -> None:
        """group_sync: given with durability fsync."""
        self._settings = settings
        self._capture = capture
        self._metrics = metrics
        self._group_sync = group_sync
        self._refusals = Buckets()

    def record_request(self, call: Call, wire: bytes) -> bool:
        """Record that a call goes upstream; False when its event was shed.

        Raises Refusal("capture_full") when the setting says reject.
        """
        try:
            self._capture.write_request(call, wire)
        except CaptureFull as error:
            self._full(error, "requested", call.tenant)
            return False
        return True

    def record_end(self, call: Call, end: CallEnd, wire: bytes, answer: KeptAnswer, *, is_open: bool) -> Refusal | None:
        """Record how an admitted call ended, before its last byte leaves. Returns the Refusal that its client gets instead.

        No room for the whole record: with `reject` the client gets a Refusal, and a small record says so; with `shed` a small
        record says how the call ended, without texts. No room even for that, or no record can be made: a gap record names
        the numbers. is_open: whether the call's request is recorded.
        """
        try:
            end, refusal = self._append_end(call, end, wire, answer)
        except CaptureFull as error:
            refusal = self._shed_end(call, error, is_open=is_open)
        except Exception as error:  # noqa: BLE001  # a record that cannot be made must not keep the slot; it is shed by name
            CRASHES.inc()
            logger().error("end_not_recordable", request_id=call.request_id, exc_info=error)
            untaken = CaptureFull(f"no record can be made of it: {type(error).__name__}", "not_recordable")
            refusal = self._shed_end(call, untaken, is_open=is_open)
        self._metrics.count_end(call, end)
        return refusal

    def _append_end(self, call: Call, end: CallEnd, wire: bytes, answer: KeptAnswer) -> tuple[CallEnd, Refusal | None]:
        """The end as it is recorded, whole or small. Raises CaptureFull when there is not even room for a small record."""
        refusal = None
        try:
            self._capture.write_end(call, end, wire, answer)
        except CaptureFull as error:
            refusal = self._rejection(error, call.tenant)
            if refusal is not None:
                end = _end_rejected(end, refusal)
            self._capture.write_small_end(call, end, len(wire), answer.size_bytes)
            logger().warning("end_without_texts", request_id=call.request_id, tenant=call.tenant, error=str(error))
        if answer.is_cut:
            CUT_ANSWERS.inc()
        return end, refusal

    def _shed_end(self, call: Call, error: CaptureFull, *, is_open: bool) -> Refusal | None:
        self._shed("completed", error.reason, call.tenant, str(error), ended=call.request_id if is_open else "")
        return self._rejection(error, call.tenant)

    async def sync(self) -> None:
        """Wait until what was recorded is as durable as the setting says; with `process` it is already.

        Raises Refusal("capture_full") when the disk refused, whatever the policy: the record may be lost.
        """
        if self._group_sync is None:
            return
        try:
            await self._group_sync.sync()
        except CaptureFull as error:
            raise Refusal("capture_full", str(error), retry_after_s=FULL_RETRY_S) from error

    def record_refusal(self, call: Call, end: CallEnd, wire_bytes: int) -> None:
        """Record a refused call. Only count it when its tenant used up `refusals_recorded_per_minute` (all unauthenticated
        callers are one tenant) or when the spool is half full. Never raises: its client is refused either way.
        """
        self._metrics.count_refusal(call, end)
        record = "kept"
        per_minute = self._settings.refusals_recorded_per_minute
        if self._refusals.take(call.tenant, per_minute, 1, monotonic_s()):
            record = "sampled_out"
        else:
            try:
                self._capture.write_refusal(replace(call, model=""), end, wire_bytes)
            except CaptureFull:
                record = "no_room"
        REFUSALS.labels(end.error_type, record).inc()

    def record_feedback(self, feedback: Feedback) -> None:
        """Record a judgement. Raises Refusal("capture_full")."""
        try:
            self._capture.write_feedback(feedback)
        except CaptureFull as error:
            self._full(error, "feedback", feedback.tenant)

    def _full(self, error: CaptureFull, kind: Kind, tenant: str) -> None:
        refusal = self._rejection(error, tenant)
        if refusal is not None:
            raise refusal from error
        self._shed(kind, error.reason, tenant, str(error))

    def _rejection(self, error: CaptureFull, tenant: str) -> Refusal | None:
        if self._settings.on_full_by_tenant.get(tenant, self._settings.on_full) == "shed":
            return None
        return Refusal("capture_full", str(error), retry_after_s=FULL_RETRY_S)

    def _shed(self, kind: Kind, reason: GapReason, tenant: str, error: str, *, ended: str = "") -> None:
        self._capture.shed(kind, reason, ended)
        SHED.labels(tenant, reason).inc()
        logger().warning("event_shed", kind=kind, tenant=tenant, error=error)


def _end_rejected(end: CallEnd, refusal: Refusal) -> CallEnd:
    return replace(
        end,
        outcome="failed",
        status_code=refusal.status_code,
        http_status=None if end.http_status is None else refusal.http_status,
        error_type=refusal.error_type,
        error_message=refusal.message,
    )
