"""Our gRPC server before judges of other makers: h2spec for HTTP/2, and stock clients in Go, Java and JavaScript."""

from __future__ import annotations

import re

import pytest

from harness.rpc.pairs import a_server, server_options
from harness.rpc.stock_clients import COMMANDS, STATE, expected, played, ran

pytestmark = pytest.mark.slow

H2SPEC_TESTS = 145
"""Tests of h2spec's three groups together."""


async def test_h2spec_finds_nothing() -> None:
    async with a_server("fast", server_options()) as (_, _, port):
        code, said, wrong = await ran(
            str(STATE / "go" / "h2spec"), "generic", "http2", "hpack", "-p", str(port), "-o", "5"
        )

    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", said)
    assert summary is not None, f"{said}{wrong}\nIs it there? make setup-tests"
    assert [int(number) for number in summary.groups()] == [H2SPEC_TESTS, H2SPEC_TESTS, 0, 0], said
    assert code == 0


@pytest.mark.parametrize("client", COMMANDS)
async def test_a_stock_client_sees_of_our_server_what_it_sees_of_grpcs_own(client: str) -> None:
    assert await played(client, "fast") == expected()
    assert await played(client, "reference") == expected()
