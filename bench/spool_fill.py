"""A spool with a backlog: calls of a gateway life before this one, written by the gateway's own capture."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

from weir.events import named_id
from weir.gateway.adapters.spool import SpoolWriter
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.kept_answer import KeptAnswer

from .gateway_overhead import MODEL, TEXT

EVENTS_OF_A_CALL = 3
"""Requested, completed, and its spans."""

SEGMENT_BYTES_MAX = 8_388_608
"""The product's default."""


def fill(folder: Path, *, source: str, calls: int, bytes_max: int) -> int:
    """Write so many ended calls into a spool that no gateway holds. Returns the numbers used."""
    boot_epoch = time.time_ns() // 1_000
    writer = SpoolWriter(folder, boot_epoch=boot_epoch, bytes_max=bytes_max, segment_bytes_max=SEGMENT_BYTES_MAX)
    capture = SpoolCapture(writer, source=source, boot_epoch=boot_epoch, capture_bytes_max=2_097_152)
    wire, answer = _request(), _answer()
    for number in range(calls):
        call = _call(boot_epoch + number)
        end = CallEnd(end_time_us=call.start_time_us + 2_000, outcome="ok", status_code=0)
        capture.write_request(call, wire)
        capture.write_end(call, end, wire, KeptAnswer((answer,), len(answer)))
    writer.close()
    return capture.numbers_used


def _call(start_us: int) -> Call:
    return Call(
        request_id=named_id(start_us, f"backlog {start_us}"),
        tenant="bench-backlog",
        trace_id=f"{start_us:032x}",
        span_id=f"{start_us:016x}",
        parent_span_id="",
        start_time_us=start_us,
        protocol="oip-grpc",
        operation="inference",
        route=MODEL,
        model=MODEL,
        user_text=TEXT,
    )


def _request() -> bytes:
    tensor = triton.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([TEXT.encode()], dtype=np.object_))
    message = triton.service_pb2.ModelInferRequest(model_name=MODEL, inputs=[tensor._get_tensor()])
    message.raw_input_contents.append(tensor._get_content())
    return bytes(message.SerializeToString())


def _answer() -> bytes:
    message = triton.service_pb2.ModelInferResponse(model_name=MODEL, model_version="1")
    output = message.outputs.add()
    output.name, output.datatype = "text_output", "BYTES"
    output.shape.append(1)
    message.raw_output_contents.append(len(TEXT).to_bytes(4, "little") + TEXT.encode())
    return bytes(message.SerializeToString())
