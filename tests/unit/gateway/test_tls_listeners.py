"""The gateway's two listeners with TLS: the same calls, the same records."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from harness.tls import authority
from harness.waiting import PATIENCE_S
from unit.gateway.doors import doors, still_serves
from weir.runtime.rpc.library import Library


@pytest.mark.parametrize("library", ["fast", "reference"])
async def test_calls_at_both_listeners_are_answered_and_recorded(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_RPC", library)
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "gateway")

    async with doors(
        tmp_path,
        authorities=ours.file,
        tls_certificate_file=certificate,
        tls_key_file=key,
        tls_http=True,
    ) as gateway:
        await still_serves(gateway)
        async with httpx2.AsyncClient(verify=False, timeout=PATIENCE_S) as plain:
            with pytest.raises(httpx2.TransportError):
                await plain.get(gateway.url.replace("https", "http"))

        assert gateway.ends() == [("ok", ""), ("ok", "")]
