"""Which library speaks gRPC: ours (`fast`), or grpc.aio (`reference`), by WEIR_RPC.

Both serve the same handlers and carry the same calls. The reference is the oracle of the tests and the control of the benchmark.
"""

from __future__ import annotations

from typing import Any, Literal

import grpc.aio

from weir.runtime.errors import BadSetting
from weir.runtime.rpc.channel import Channel, ChannelOptions
from weir.runtime.rpc.server import Server, ServerOptions
from weir.runtime.tls.certificates import Certificates
from weir.runtime.tls.listener import HANDSHAKE_S

Library = Literal["fast", "reference"]

MS_PER_S = 1_000

Option = tuple[str, int]
"""An option of a grpc channel or server."""


def channel_of(library: Library, address: str, options: ChannelOptions) -> Any:
    """A channel to host:port. Needs a running loop."""
    if library == "fast":
        return Channel(address, options)
    if options.certificates is None:
        return grpc.aio.insecure_channel(address, options=grpc_options(options))
    return grpc.aio.secure_channel(address, channel_credentials(options.certificates), options=grpc_options(options))


def server_of(library: Library, options: ServerOptions) -> Any:
    """A server without listeners yet. Needs a running loop."""
    if library == "fast":
        return Server(options)
    return grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", options.message_bytes_max),
            ("grpc.max_send_message_length", options.answer_bytes_max),
            ("grpc.max_metadata_size", options.http2.header_bytes_max),
            ("grpc.absolute_max_metadata_size", options.http2.header_bytes_max),  # between the two it refuses at random
            ("grpc.max_concurrent_streams", options.http2.streams_max),
            ("grpc.max_connection_idle_ms", int(options.idle_s * MS_PER_S)),
            ("grpc.server_handshake_timeout_ms", int(HANDSHAKE_S * MS_PER_S)),
            ("grpc.so_reuseport", 0),  # else two processes would share a port, and a test would talk to the wrong one
        ],
        maximum_concurrent_rpcs=options.calls_max,
    )


def bind(server: Any, address: str, certificates: Certificates | None) -> int:
    """Bind a server to host:port, with TLS where there are certificates; 0 takes a free port. Returns the port.

    Raises RuntimeError when it cannot be bound.
    """
    if certificates is None:
        return int(server.add_insecure_port(address))
    if isinstance(server, Server):
        return server.add_secure_port(address, certificates)
    return int(server.add_secure_port(address, _server_credentials(certificates)))


def listen(server: Any, address: str, certificates: Certificates | None, variable: str) -> None:
    """Bind a server to host:port as `bind` does. Raises BadSetting, naming the variable of the port, when it cannot be bound."""
    try:
        bind(server, address, certificates)
    except RuntimeError as error:
        raise BadSetting(f"{variable}: cannot listen on {address}; is the port taken? ({error})") from error


def channel_credentials(certificates: Certificates) -> grpc.ChannelCredentials:
    """Those of a grpc channel; grpc does not read the files again."""
    shown = certificates.current()
    return grpc.ssl_channel_credentials(shown.authorities, shown.key, shown.certificate)


def _server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    def configuration() -> grpc.ServerCertificateConfiguration:
        """What the next connection is shown; grpc asks before each."""
        shown = certificates.current()
        return grpc.ssl_server_certificate_configuration([(shown.key, shown.certificate)], shown.authorities)

    is_asking = certificates.current().authorities is not None
    return grpc.dynamic_ssl_server_credentials(configuration(), configuration, is_asking)


def grpc_options(options: ChannelOptions) -> list[Option]:
    """The options of a grpc channel: quick reconnects, a connection of its own, no proxy, no retries behind the caller's back."""
    reconnect_ms = int(options.reconnect_s * MS_PER_S)
    return [
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", max(reconnect_ms, MS_PER_S)),
        ("grpc.max_reconnect_backoff_ms", reconnect_ms),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.max_receive_message_length", options.message_bytes_max),
        ("grpc.max_send_message_length", options.request_bytes_max),
        ("grpc.max_metadata_size", options.http2.header_bytes_max),
        ("grpc.absolute_max_metadata_size", options.http2.header_bytes_max),
    ]
