"""Answers as the engine writes them, in the format that was asked for, byte for byte.

Embedded, each answer has a handle of its own (measured: 0.4 ms to open, set and close one), so no setting and no row of
one statement is there for the next. On a server, the settings travel with the statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import chdb
from clickhouse_connect.driver.exceptions import ClickHouseError

from weir.lineage.core.sql_strings import quoted
from weir.lineage.settings import LineageSettings
from weir.lineage.store.handle import Handle
from weir.lineage.store.store import QueryFailed, failure_text, open_client, query_failure
from weir.runtime.errors import BadSetting


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What the engine wrote."""

    data: bytes
    rows: int | None = None
    """Rows of the answer; None where it does not say."""
    rows_read: int | None = None
    """Rows it read for that; None where it does not say."""
    bytes_read: int | None = None
    """Bytes it read; None where it does not say."""


class RawEngine:
    """The engine, asked for bytes."""

    def __init__(self, settings: LineageSettings, limits: Mapping[str, Any]) -> None:
        """limits: settings of every statement; those of a request go before them."""
        self._folder = str(settings.store_dir)
        self._limits = {name: str(value) for name, value in limits.items()}
        self._server = Handle(lambda: open_client(settings, limits)) if settings.clickhouse_url else None

    def answer(self, text: str, format_name: str, settings: Mapping[str, str]) -> RawAnswer:
        """The answer to a statement that was checked. Raises QueryFailed with the engine's words."""
        if self._server is not None:
            return _of_server(self._server, text, format_name, settings)
        try:
            handle = chdb.connect(self._folder)  # type: ignore[no-untyped-call]  # the library has no types
        except Exception as error:  # the engine raises its own kinds
            raise QueryFailed(failure_text(error)) from error
        try:
            handle.query(_set({**self._limits, **settings, "readonly": "1"}))
            result = handle.query(text, format_name)
            return RawAnswer(
                bytes(result.bytes()),
                int(result.rows_read()),  # its name says another thing: a count of a million rows is one
                int(result.storage_rows_read()),
                int(result.storage_bytes_read()),
            )
        except Exception as error:  # as above
            raise QueryFailed(failure_text(error)) from error
        finally:
            handle.close()

    def close(self) -> None:
        """Close what stays open."""
        if self._server is not None:
            self._server.close()


def _set(settings: Mapping[str, str]) -> str:
    """Read-only goes last: nothing is set after it."""
    ordered = sorted(settings, key=lambda name: name == "readonly")
    return "SET " + ", ".join(f"{name} = {quoted(settings[name])}" for name in ordered)


def _of_server(handle: Handle, text: str, format_name: str, settings: Mapping[str, str]) -> RawAnswer:
    try:
        with handle.take() as client:
            return RawAnswer(bytes(client.raw_query(text, fmt=format_name, settings=dict(settings))))
    except (ClickHouseError, OSError, BadSetting) as error:
        raise query_failure(error, failure_text(error)) from error
