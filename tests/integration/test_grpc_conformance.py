"""Our gRPC server before judges of other makers: h2spec for HTTP/2, and stock clients in Go, Java, JavaScript and Python; without
TLS and with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.rpc.pairs import a_server, server_options
from harness.rpc.stock_clients import COMMANDS, STATE, expected, played, ran
from harness.tls import authority
from weir.runtime.tls.certificates import Certificates, TlsFiles

pytestmark = pytest.mark.slow

H2SPEC_TESTS = 145
"""Tests of h2spec's three groups together."""

Tls = tuple[Certificates, Path] | None


@pytest.fixture(params=[False, True], ids=["plain", "TLS"])
def tls(request: pytest.FixtureRequest, tmp_path: Path) -> Tls:
    """What the server shows, and the file of the authority behind it; None without TLS."""
    if not request.param:
        return None
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "server")
    return Certificates(TlsFiles(certificate=certificate, key=key), is_server=True), ours.file


async def test_h2spec_finds_nothing(tls: Tls) -> None:
    certificates, options = (None, ()) if tls is None else (tls[0], ("-t", "-k"))
    async with a_server("fast", server_options(), 0, certificates) as (_, _, port):
        code, said, wrong = await ran(
            str(STATE / "go" / "h2spec"), "generic", "http2", "hpack", "-p", str(port), "-o", "5", *options
        )

    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", said)
    assert summary is not None, f"{said}{wrong}\nIs it there? make setup-tests"
    assert [int(number) for number in summary.groups()] == [H2SPEC_TESTS, H2SPEC_TESTS, 0, 0], said
    assert code == 0


@pytest.mark.parametrize("client", COMMANDS)
async def test_a_stock_client_sees_of_our_server_what_it_sees_of_grpcs_own(client: str, tls: Tls) -> None:
    assert await played(client, "fast", tls) == expected()
    assert await played(client, "reference", tls) == expected()
