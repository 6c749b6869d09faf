"""The id of a message, put instead of another: two requests of one stream must not share one upstream.

Cost: the message is read and written once; only a request whose id is open already on its stream pays it.
"""

from __future__ import annotations

from tritonclient.grpc import service_pb2


def with_request_id(wire: bytes, message_id: str) -> bytes:
    """The ModelInferRequest under another id; the rest as it was."""
    message = service_pb2.ModelInferRequest.FromString(wire)
    message.id = message_id
    return bytes(message.SerializeToString())


def with_response_id(wire: bytes, message_id: str) -> bytes:
    """The ModelStreamInferResponse under another id; the rest as it was."""
    message = service_pb2.ModelStreamInferResponse.FromString(wire)
    message.infer_response.id = message_id
    return bytes(message.SerializeToString())
