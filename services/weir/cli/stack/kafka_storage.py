"""Kafka's storage of a stack: the broker's properties, and its folder formatted once."""

from __future__ import annotations

import os
import string
import subprocess
from collections.abc import Mapping

from weir.cli.stack.errors import StackError
from weir.cli.stack.layout import Layout
from weir.runtime.files.durable import private_folder
from weir.runtime.surroundings import UMASK

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
"""Cluster id of every embedded broker; it names a folder's format, nothing secret."""

OUTPUT_CHARS_MAX = 500
"""Characters of the formatter's output in an error: its last lines say why."""

JAVA_LOCALE = {"LC_ALL": "C.UTF-8"}
"""Java names files in the locale's encoding: under a plain C locale it could not open a folder named in other letters."""

ASCII_END = 0x80
"""The first code that is not ASCII."""


def prepare_kafka(place: Layout, ports: Mapping[str, int]) -> None:
    """Write the broker's properties and format its folder when it is new. Raises StackError."""
    log_dir = place.data / "kafka"
    private_folder(log_dir)  # it holds prompts and answers, and Kafka would make it for all eyes
    template = string.Template((place.root / "infra" / "kafka" / "server.properties").read_text("ascii"))
    properties = place.run / "kafka.properties"
    values = {"port": ports["kafka"], "controller_port": ports["kafka_controller"], "log_dir": log_dir}
    written = template.substitute({name: escaped(str(value)) for name, value in values.items()})
    properties.write_text(written, encoding="ascii")
    if (log_dir / "meta.properties").exists():
        return
    tool = ("java", "-cp", f"{place.jars}/*", "kafka.tools.StorageTool", "format", "--standalone")
    command = [*tool, "-t", CLUSTER_ID, "-c", str(properties)]
    environment = {**os.environ, **JAVA_LOCALE}
    formatted = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, umask=UMASK)
    if formatted.returncode:
        output = (formatted.stdout + formatted.stderr)[-OUTPUT_CHARS_MAX:]
        raise StackError(f"Kafka's storage in {log_dir} could not be formatted: {output}")


def escaped(value: str) -> str:
    """A value of a properties file, in ASCII: Java reads such a file as Latin-1, and other characters as \\uXXXX, one for each
    UTF-16 unit."""
    units = value.encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < ASCII_END else f"\\u{code:04x}" for code in codes)
