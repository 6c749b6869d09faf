"""TLS of both libraries: who is trusted, who is refused, and certificates that are renewed while they are in use."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from harness.rpc.pairs import MESSAGE_BYTES_MAX, Pair, a_pair, a_server, channel_options, server_options
from harness.rpc.raw import RawEnd
from harness.tls import Authority, authority
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import GOAWAY
from weir.runtime.rpc.library import Library, channel_of
from weir.runtime.tls.certificates import Certificates, TlsFiles

WITHIN_S = 10.0
S = grpc.StatusCode


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """The authority of the server's certificate."""
    return authority(tmp_path)


@pytest.fixture
def server_files(ours: Authority, tmp_path: Path) -> TlsFiles:
    """What the server shows."""
    certificate, key = ours.sign(tmp_path, "server")
    return TlsFiles(certificate=certificate, key=key)


def of_server(files: TlsFiles) -> Certificates:
    """Certificates of a listener."""
    return Certificates(files, is_server=True)


def trusting(trusted: Authority, **shown: Path) -> Certificates:
    """Certificates of a channel."""
    return Certificates(TlsFiles(authorities=trusted.file, **shown), is_server=False)


@asynccontextmanager
async def a_tls_pair(libraries: tuple[Library, Library], files: TlsFiles, channel: Certificates) -> AsyncIterator[Pair]:
    """A server with these files and a channel that trusts so."""
    async with a_pair(libraries, channel=channel_options(certificates=channel), certificates=of_server(files)) as pair:
        yield pair


async def echo(channel: Any, sent: bytes = b"x") -> bytes:
    """The answer to a call."""
    return bytes(await channel.unary_unary("/test/echo")(sent, timeout=WITHIN_S))


async def failure(channel: Any) -> grpc.aio.AioRpcError:
    """How a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await echo(channel)
    return caught.value


async def test_messages_come_back_as_they_went(
    libraries: tuple[Library, Library], ours: Authority, server_files: TlsFiles
) -> None:
    async def messages() -> AsyncIterator[bytes]:
        for size in range(0, 200_000, 9_999):
            yield bytes(size)

    async with a_tls_pair(libraries, server_files, trusting(ours)) as pair:
        for size in (0, 1, 16_384, 65_536, MESSAGE_BYTES_MAX):
            sent = bytes(range(256)) * (size // 256 + 1)
            assert await echo(pair.channel, sent[:size]) == sent[:size]
        got = [len(one) async for one in pair.streamed("stream")(messages(), timeout=WITHIN_S)]
        assert (await pair.unary("note")(b"", timeout=WITHIN_S)).startswith(b"ipv4:127.0.0.1:")

    assert got == list(range(0, 200_000, 9_999))


async def test_calls_beside_each_other_and_calls_that_are_cancelled(
    libraries: tuple[Library, Library], ours: Authority, server_files: TlsFiles
) -> None:
    async with a_tls_pair(libraries, server_files, trusting(ours)) as pair:
        sent = [b"%d" % number * 3_000 for number in range(50)]
        assert await asyncio.gather(*[pair.unary("echo")(one, timeout=WITHIN_S) for one in sent]) == sent
        call = pair.unary("wait")(b"", timeout=WITHIN_S)
        async with asyncio.timeout(WITHIN_S):
            await pair.handlers.waiting.wait()
            call.cancel()
            while not pair.handlers.ended:
                await asyncio.sleep(0.002)

        assert await echo(pair.channel) == b"x"


async def test_a_server_whose_authority_is_another_is_not_called(
    libraries: tuple[Library, Library], server_files: TlsFiles, tmp_path: Path
) -> None:
    async with a_tls_pair(libraries, server_files, trusting(authority(tmp_path, "another"))) as pair:
        assert (await failure(pair.channel)).code() == S.UNAVAILABLE


async def test_a_server_of_another_name_is_not_called(
    libraries: tuple[Library, Library], ours: Authority, tmp_path: Path
) -> None:
    certificate, key = ours.sign(tmp_path, "other", "other.example", "127.0.0.2")

    async with a_tls_pair(libraries, TlsFiles(certificate=certificate, key=key), trusting(ours)) as pair:
        assert (await failure(pair.channel)).code() == S.UNAVAILABLE


async def test_our_channel_says_why_a_server_is_not_trusted(
    ours: Authority, server_files: TlsFiles, tmp_path: Path
) -> None:
    async with a_tls_pair(("fast", "fast"), server_files, trusting(authority(tmp_path, "another"))) as pair:
        assert "certificate verify failed" in str((await failure(pair.channel)).details())


@pytest.mark.parametrize("shown", ["none", "another's", "ours"])
async def test_a_client_must_show_a_certificate_where_it_is_asked_for_one(
    libraries: tuple[Library, Library], ours: Authority, server_files: TlsFiles, tmp_path: Path, shown: str
) -> None:
    clients, others = authority(tmp_path, "clients"), authority(tmp_path, "others")
    signed = {"none": None, "another's": others, "ours": clients}[shown]
    files = {} if signed is None else dict(zip(("certificate", "key"), signed.sign(tmp_path, "client"), strict=True))
    mutual = TlsFiles(certificate=server_files.certificate, key=server_files.key, authorities=clients.file)

    async with a_tls_pair(libraries, mutual, trusting(ours, **files)) as pair:
        if shown == "ours":
            assert await echo(pair.channel) == b"x"
        else:
            assert (await failure(pair.channel)).code() == S.UNAVAILABLE
            assert not pair.handlers.waiting.is_set()


async def test_a_renewed_certificate_is_shown_to_the_next_connection(
    libraries: tuple[Library, Library], ours: Authority, server_files: TlsFiles, tmp_path: Path
) -> None:
    renewing = authority(tmp_path, "renewing")
    async with a_tls_pair(libraries, server_files, trusting(ours)) as pair:
        assert await echo(pair.channel) == b"x"
        renewing.sign(tmp_path, "server")
        later = channel_of(libraries[1], pair.address, channel_options(certificates=trusting(renewing)))
        try:
            assert await echo(later) == b"x"
            assert await echo(pair.channel) == b"x"
        finally:
            await later.close()


async def test_certificates_that_cannot_be_used_leave_those_that_are_shown(
    libraries: tuple[Library, Library], ours: Authority, server_files: TlsFiles, tmp_path: Path
) -> None:
    async with a_tls_pair(libraries, server_files, trusting(ours)) as pair:
        assert server_files.certificate is not None
        server_files.certificate.write_text("half a cert")

        assert await echo(pair.channel) == b"x"


async def test_authorities_that_change_count_for_our_channels_next_connection(
    library: Library, ours: Authority, server_files: TlsFiles, tmp_path: Path
) -> None:
    """Not of grpc.aio's channel, which reads them once."""
    trusted = tmp_path / "trusted.crt"
    shutil.copy(authority(tmp_path, "another").file, trusted)
    channel = Certificates(TlsFiles(authorities=trusted), is_server=False)
    async with a_tls_pair((library, "fast"), server_files, channel) as pair:
        await failure(pair.channel)
        shutil.copy(ours.file, trusted)

        async with asyncio.timeout(WITHIN_S):
            while await answer_or_none(pair.channel) is None:
                await asyncio.sleep(0.02)


async def answer_or_none(channel: Any) -> bytes | None:
    """The answer to a call; None where the server cannot be reached."""
    try:
        return await echo(channel)
    except grpc.aio.AioRpcError as error:
        if error.code() != S.UNAVAILABLE:
            raise
        return None


async def test_a_client_without_tls_is_not_served(libraries: tuple[Library, Library], server_files: TlsFiles) -> None:
    async with a_pair(libraries, certificates=of_server(server_files)) as pair:
        assert (await failure(pair.channel)).code() == S.UNAVAILABLE


async def test_a_server_without_tls_is_not_called(libraries: tuple[Library, Library], ours: Authority) -> None:
    async with a_pair(libraries, channel=channel_options(certificates=trusting(ours))) as pair:
        assert (await failure(pair.channel)).code() == S.UNAVAILABLE


@asynccontextmanager
async def a_tls_client(port: int, trusted: Authority, **changed: Any) -> AsyncIterator[RawEnd]:
    """A client of the standard library; its context is changed by attributes. alpn: protocols that it offers."""
    context = ssl.create_default_context(cafile=str(trusted.file))
    context.set_alpn_protocols(changed.pop("alpn", ["h2"]))
    for name, value in changed.items():
        setattr(context, name, value)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        yield RawEnd(reader, writer)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("alpn", [["http/1.1"], []])
async def test_a_client_that_does_not_offer_h2_is_told_so(
    ours: Authority, server_files: TlsFiles, alpn: list[str]
) -> None:
    async with (
        a_server("fast", server_options(), 0, of_server(server_files)) as (_, _, port),
        a_tls_client(port, ours, alpn=alpn) as end,
    ):
        said = await end.until(GOAWAY)

        assert said.payload[4:8] == ErrorCode.INADEQUATE_SECURITY.to_bytes(4)
        assert b"offer h2 by ALPN" in said.payload
        assert await end.is_closed()


async def test_the_version_is_1_2_at_least(library: Library, ours: Authority, server_files: TlsFiles) -> None:
    async with a_server(library, server_options(), 0, of_server(server_files)) as (_, _, port):
        async with a_tls_client(port, ours, maximum_version=ssl.TLSVersion.TLSv1_2) as end:
            assert end.writer.get_extra_info("ssl_object").version() == "TLSv1.2"
        with pytest.raises(OSError), pytest.warns(DeprecationWarning, match="TLSv1_1"):
            async with a_tls_client(port, ours, maximum_version=ssl.TLSVersion.TLSv1_1):
                pass


async def test_a_server_that_stops_does_not_wait_for_a_client_that_keeps_its_side_open(
    ours: Authority, server_files: TlsFiles
) -> None:
    certificates = of_server(server_files)
    async with (
        a_server("fast", server_options(), 0, certificates) as (server, _, port),
        a_tls_client(port, ours) as end,
    ):
        async with asyncio.timeout(WITHIN_S):
            while not server.connections:
                await asyncio.sleep(0.002)
            end.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
            await server.stop(None)

        assert not server.connections
