"""ClickHouse's JDBC driver in a JVM of its own, asking what `tests/java/AskWeir.java` asks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from weir.cli.stack.layout import repository

FOLDER = repository() / ".weir" / "jdbc"


def asked_over_jdbc(address: str, token: str, tenant: str) -> list[Sequence[str]]:
    """What the program found, the fields of each line. address: host:port of the SQL endpoint."""
    java = shutil.which("java")
    assert java is not None, "Java is missing; run: make setup"
    assert (FOLDER / "AskWeir.class").exists(), "the JDBC driver is missing; run: make setup-tests"
    done = subprocess.run(
        [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{FOLDER}:{FOLDER}/libs/*", "AskWeir"],
        env={**os.environ, "WEIR_ADDRESS": address, "WEIR_TOKEN": token, "WEIR_TENANT": tenant, "TZ": "UTC"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines()]
