"""A spool with a backlog: calls of a gateway life before this one, written by the gateway's own capture."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import tritonclient.grpc as triton

from weir.capture.spool import SpoolWriter
from weir.events import Reference, named_id
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.kept_answer import KeptAnswer

from .gateway_overhead import MODEL, TEXT

EVENTS_OF_A_CALL = 3
"""Requested, completed, and its spans."""

SEGMENT_BYTES_MAX = 8_388_608
"""The product's default."""

REFERENCES = (Reference(kind="model", name=MODEL, version="1", digest="sha256:" + "1" * 64),)
"""What the registry says answers the route."""


def fill(folder: Path, *, source: str, calls: int, bytes_max: int) -> int:
    """Write so many ended calls into a spool that no gateway holds. Returns the numbers used."""
    boot_epoch = time.time_ns() // 1_000
    writer = SpoolWriter(folder, boot_epoch=boot_epoch, bytes_max=bytes_max, segment_bytes_max=SEGMENT_BYTES_MAX)
    capture = SpoolCapture(writer, source=source, boot_epoch=boot_epoch, capture_bytes_max=2_097_152)
    for number in range(calls):
        call, text = _call(boot_epoch + number), f"{TEXT}{number}".encode()
        wire, answer = _request(text), _answer(text)
        capture.write_request(call, wire)
        capture.write_end(call, _end(call), wire, KeptAnswer((answer,), len(answer)))
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
        references=REFERENCES,
    )


def _end(call: Call) -> CallEnd:
    """An end as the gateway records it, with the two spans that the inference service tells of."""
    start_us, end_us = call.start_time_us, call.start_time_us + 2_000
    times = f'"start_us":{start_us},"end_us":{end_us}'
    timing = (
        f'[{{"name":"inference","span_id":"{"a" * 16}","parent_span_id":"{call.span_id}","kind":"server",'
        f'"service":"inference",{times}}},{{"name":"triton ModelInfer","span_id":"{"b" * 16}",'
        f'"parent_span_id":"{"a" * 16}","kind":"client","service":"inference",{times}}}]'
    )
    return CallEnd(end_time_us=end_us, outcome="ok", status_code=0, server_timing_json=timing)


def _request(text: bytes) -> bytes:
    tensor = triton.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([text], dtype=np.object_))
    message = triton.service_pb2.ModelInferRequest(model_name=MODEL, inputs=[tensor._get_tensor()])
    message.raw_input_contents.append(tensor._get_content())
    return bytes(message.SerializeToString())


def _answer(text: bytes) -> bytes:
    message = triton.service_pb2.ModelInferResponse(model_name=MODEL, model_version="1")
    output = message.outputs.add()
    output.name, output.datatype = "text_output", "BYTES"
    output.shape.append(1)
    message.raw_output_contents.append(len(text).to_bytes(4, "little") + text)
    return bytes(message.SerializeToString())
