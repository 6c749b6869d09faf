"""Kafka's storage of a stack: the broker's properties, and its folder formatted once."""

from __future__ import annotations

import string
import subprocess
from collections.abc import Mapping

from weir.cli.stack.errors import StackError
from weir.cli.stack.layout import Layout

CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qg"
"""Cluster id of every embedded broker; it names a folder's format, nothing secret."""

OUTPUT_CHARS_MAX = 500
"""Characters of the formatter's output in an error: its last lines say why."""


def prepare_kafka(place: Layout, ports: Mapping[str, int]) -> None:
    """Write the broker's properties and format its folder when it is new. Raises StackError."""
    log_dir = place.data / "kafka"
    template = string.Template((place.root / "infra" / "kafka" / "server.properties").read_text())
    properties = place.run / "kafka.properties"
    values = {"port": ports["kafka"], "controller_port": ports["kafka_controller"], "log_dir": log_dir}
    properties.write_text(template.substitute({name: str(value) for name, value in values.items()}))
    if (log_dir / "meta.properties").exists():
        return
    tool = ("java", "-cp", f"{place.jars}/*", "kafka.tools.StorageTool", "format", "--standalone")
    command = [*tool, "-t", CLUSTER_ID, "-c", str(properties)]
    formatted = subprocess.run(command, capture_output=True, text=True, check=False)
    if formatted.returncode:
        output = (formatted.stdout + formatted.stderr)[-OUTPUT_CHARS_MAX:]
        raise StackError(f"Kafka's storage in {log_dir} could not be formatted: {output}")
