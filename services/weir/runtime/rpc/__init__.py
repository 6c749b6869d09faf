"""gRPC on `weir.runtime.http2`: a server and a channel that can stand where `grpc.aio`'s stand.

Both have the part of grpc.aio's interface that Weir's services use, so that the same handlers run on either library:
`WEIR_RPC=reference` takes grpc.aio, which is the oracle of the tests and the control of the benchmark.

    messages       length-prefixed messages, compressed or not
    call_headers   what the headers and trailers of a call mean, and their bytes
    server         listeners and connections        server_call    one call at the server
    metrics        of the server                    library        which of both libraries is used
    writing        from a connection to its socket  turns          between calls that have much to do
    channel        one connection to a server       client_call    one call at the client: unary_call, stream_call

Messages pass as bytes; none is decoded.
"""
