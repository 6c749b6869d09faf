"""What both listeners say of a request: partial success, and refusals as google.rpc.Status with the time to wait."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from weir.access.refusals import Refusal
from weir.otlp.adapters.metrics import REQUESTS
from weir.otlp.core.export import Refusals

NS_PER_S = 1_000_000_000


def response_of(refusals: Refusals, listener: str) -> ExportTraceServiceResponse:
    """The answer to a request that was taken; without a partial success where nothing was refused. Counts it."""
    response = ExportTraceServiceResponse()
    if refusals.count:
        response.partial_success.rejected_spans = refusals.count
        response.partial_success.error_message = refusals.text
    REQUESTS.labels(listener, "partial" if refusals.count else "taken").inc()
    return response


def status_of(refusal: Refusal, listener: str) -> Status:
    """A refusal as a status; with RetryInfo where a wait can help, which tells exporters to try again. Counts it."""
    REQUESTS.labels(listener, refusal.error_type).inc()
    status = Status(code=refusal.status_code, message=refusal.message)
    if refusal.retry_after_s is not None:
        seconds, rest_s = divmod(refusal.retry_after_s, 1)
        status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=int(seconds), nanos=int(rest_s * NS_PER_S))))
    return status
