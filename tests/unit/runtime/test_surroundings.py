"""Surroundings: whatever the machine says about proxies and time zones, loopback is direct and time is UTC."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.runtime.surroundings import (
    PROXY_VARIABLES,
    SPARED,
    of_command_line,
    of_service,
    proxies_in,
    spares_loopback,
)

NAMES = st.sampled_from(sorted(PROXY_VARIABLES)).flatmap(lambda name: st.sampled_from([name, name.upper()]))
VARIABLES = st.dictionaries(
    NAMES | st.sampled_from(["TZ", "NO_PROXY", "no_proxy", "PATH"]), st.text("a:/,*. ", max_size=12)
)


@given(VARIABLES)
def test_a_service_sees_no_proxy_and_utc(environment: dict[str, str]) -> None:
    seen = of_service(environment)

    assert proxies_in(seen) == []
    assert seen["TZ"] == "UTC"
    assert seen.get("PATH") == environment.get("PATH")


@given(VARIABLES, st.sampled_from(["http://127.0.0.1:1", "http://localhost", "http://[::1]:5"]))
def test_a_command_line_whose_services_are_here_sees_no_proxy(environment: dict[str, str], url: str) -> None:
    seen = of_command_line({**environment, "WEIR_LINEAGE_URL": url})

    assert proxies_in(seen) == []
    assert seen["TZ"] == "UTC"


@given(VARIABLES)
def test_a_command_line_with_a_service_elsewhere_keeps_its_proxies_and_spares_loopback(
    environment: dict[str, str],
) -> None:
    environment = {**environment, "WEIR_LINEAGE_URL": "https://weir.example.com"}
    seen = of_command_line(environment)

    assert proxies_in(seen) == proxies_in(environment)
    assert spares_loopback(seen)
    assert set(SPARED) <= set(seen["NO_PROXY"].split(","))
    given_names = {name.strip() for name in environment.get("no_proxy", "").split(",")} - {""}
    assert given_names <= set(seen["no_proxy"].split(","))
    assert of_command_line(seen) == seen


@pytest.mark.slow
def test_a_process_lives_in_utc_whatever_the_machine_says() -> None:
    script = (
        "import asyncio, time, os\nfrom weir.runtime.process import run\n"
        "async def main(stop): print(time.localtime().tm_gmtoff, os.environ.get('HTTP_PROXY'))\nrun(main)"
    )
    environment = {**os.environ, "TZ": "Asia/Seoul", "HTTP_PROXY": "http://127.0.0.1:9"}

    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["0", "None"]


def test_a_service_sees_which_collector_is_named() -> None:
    named = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_BSP_MAX_QUEUE_SIZE": "64"}

    assert of_service(named) == {**named, "TZ": "UTC"}
    assert of_command_line(named) == {**named, "TZ": "UTC"}
