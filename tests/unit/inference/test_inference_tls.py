"""TLS on every hop: from a gateway's client to the inference service, and from there to the model server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from harness.tls import authority
from unit.inference.scripted_triton import DIMENSIONS, ScriptedTriton
from weir.gateway.adapters.upstream import upstream_at
from weir.gateway.settings import GatewaySettings
from weir.inference.__main__ import serving
from weir.inference.adapters.triton_embedder import TritonEmbedder
from weir.inference.settings import InferenceSettings
from weir.runtime.rpc.library import Library


async def test_a_call_and_an_embedding_pass_hops_that_know_each_other(library: Library, tmp_path: Path) -> None:
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "hop")
    shown = {"CERTIFICATE_FILE": certificate, "KEY_FILE": key}
    triton = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(ScriptedTriton(), triton)
    pair = [(key.read_bytes(), certificate.read_bytes())]
    port = triton.add_secure_port(
        "127.0.0.1:0", grpc.ssl_server_credentials(pair, ours.file.read_bytes(), require_client_auth=True)
    )
    await triton.start()
    common: dict[str, Any] = {"WEIR_RPC": library, "WEIR_GATEWAY_UPSTREAM_CA_FILE": ours.file}
    inference = InferenceSettings.model_validate({
        **common, "WEIR_TRITON_ADDRESS": f"127.0.0.1:{port}", "WEIR_INFERENCE_GRPC_PORT": 0,
        "WEIR_INFERENCE_TLS_CLIENT_CA_FILE": ours.file, "WEIR_INFERENCE_UPSTREAM_CA_FILE": ours.file,
        "WEIR_INFERENCE_EMBEDDING_DIMENSIONS": DIMENSIONS,
        **{f"WEIR_INFERENCE_{way}_{name}": file for way in ("TLS", "UPSTREAM") for name, file in shown.items()},
    })  # fmt: skip
    gateway = GatewaySettings.model_validate(
        {**common, **{f"WEIR_GATEWAY_UPSTREAM_{name}": file for name, file in shown.items()}}
    )
    server = await serving(inference)
    stop = asyncio.Event()
    running = asyncio.create_task(server.run(stop))
    client = upstream_at(
        f"127.0.0.1:{server.port}",
        message_bytes_max=100_000,
        library=gateway.rpc,
        certificates=gateway.upstream_certificates(),
    )
    embedder = TritonEmbedder.connect(inference)
    try:
        request = service_pb2.ModelInferRequest(model_name="echo", id="7", raw_input_contents=[b"hello"])

        answer = await client.unary("ModelInfer", request.SerializeToString(), timeout_s=10)
        (vector,) = await embedder.embed(["text"])

        assert service_pb2.ModelInferResponse.FromString(answer).raw_output_contents == [b"hello"]
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-6)
    finally:
        await embedder.close()
        await client.close()
        stop.set()
        await running
        await triton.stop(None)
