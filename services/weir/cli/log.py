"""Where the log is."""

from __future__ import annotations

import os
from typing import Any

from weir.cli.output import CliError, ExitCode

KAFKA_BOOTSTRAP = "WEIR_KAFKA_BOOTSTRAP"
"""Variable that names the broker, before the running stack does."""

TIMEOUT_S = 15.0
"""Seconds for one answer of the broker. Arbitrary: a busy one answers in one; any value from 5 to 60 would do."""


def bootstrap() -> str:
    """Where Kafka is: WEIR_KAFKA_BOOTSTRAP, else the running stack's. Raises CliError(NOT_READY)."""
    given = os.environ.get(KAFKA_BOOTSTRAP)
    if given:
        return given
    from weir.cli.stack import StackError, open_stack

    try:
        return open_stack().endpoints.kafka_bootstrap
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir up, or set WEIR_KAFKA_BOOTSTRAP") from error


def down(error: Any) -> CliError:
    """What a command says when the broker does not answer."""
    return CliError(ExitCode.NOT_READY, f"no answer from the broker at {bootstrap()}: {error}", "weir status")
