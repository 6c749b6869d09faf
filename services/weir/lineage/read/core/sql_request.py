"""One request of ClickHouse's HTTP interface: its statement and what it asks for beside it.

Arguments come in the URL, the statement in `query`, in the body, or in both, one after the other. A name that stands there
twice is refused: clients and proxies read such a URL differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_formats import DEFAULT
from weir.lineage.read.core.sql_settings import SettingRefused

QUERY_ID_CHARS_MAX = 128
"""Characters of a query's id. Chosen: three times a UUID; it comes back in a header."""

OWN = frozenset({"query", "default_format", "database", "query_id", "password"})
"""Arguments that are no setting."""

HEADERS = frozenset({"key", "user", "database", "format", "query-id"})
"""Headers of the protocol that are read, without `x-clickhouse-` before them. The user's name changes nothing."""

PARAMETER = "param_"
"""Before the name of a parameter of the statement."""


class DatabaseUnknown(SqlRefused):
    """A database that is not the store's."""

    code = 81
    """UNKNOWN_DATABASE."""


class PasswordInUrl(SqlRefused):
    """The token stands in the URL, where proxies and their logs keep it."""

    code = 516
    """AUTHENTICATION_FAILED."""


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """What one request asks for."""

    statement: str
    """Empty where it asks nothing, as a client does that wants to know whether somebody is there."""
    values: Mapping[str, str]
    """Text of each parameter of the statement."""
    format: str
    """Format of the answer unless the statement names one."""
    settings: Mapping[str, str]
    """Every other argument, by name."""
    query_id: str
    """Empty where the client gave none."""

    @property
    def protocol_version(self) -> int:
        """Version of the Native format that the client reads; 0 where it does not say. Raises SettingRefused."""
        value = self.settings.get("client_protocol_version", "0")
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise SettingRefused(f"client_protocol_version is {value[:100]!r}; expected a whole number")
        return int(value)

    @property
    def is_compressed(self) -> bool:
        """Whether the answer goes out in ClickHouse's own blocks. Raises SettingRefused, also beside another compression."""
        is_on = self.is_on("compress")
        if is_on and self.is_on("enable_http_compression"):
            raise SettingRefused("compress and enable_http_compression are both on; choose one")
        return is_on

    def is_on(self, name: str) -> bool:
        """Whether an argument that says how the answer is put on the wire is on. Raises SettingRefused."""
        value = self.settings.get(name, "0").lower()
        if value not in ("0", "1", "true", "false"):
            raise SettingRefused(f"{name} is {value[:100]!r}; expected 0 or 1")
        return value in ("1", "true")


def request_of(
    arguments: Sequence[tuple[str, str]], headers: Mapping[str, str], body: bytes, database: str
) -> SqlRequest:
    """What a request asks for. headers: names in lower case. database: the store's name. Raises SqlRefused."""
    given: dict[str, str] = {}
    for name, value in arguments:
        if name in given:
            raise SettingRefused(f"the argument {name[:100]!r} is there twice; send it once")
        given[name] = value
    for name in headers:
        own = name.removeprefix("x-clickhouse-")
        if own != name and own not in HEADERS:
            raise SettingRefused(f"the header {name[:100]} is not served; leave it out")
    if "password" in given:
        raise PasswordInUrl("a password in the URL is refused, as URLs are logged; send X-ClickHouse-Key, or Basic")
    named = given.get("database") or headers.get("x-clickhouse-database") or database
    if named != database:
        raise DatabaseUnknown(f"Database {named[:100]} is not published; published: {database}")
    query_id = given.get("query_id") or headers.get("x-clickhouse-query-id") or ""
    if len(query_id) > QUERY_ID_CHARS_MAX or not query_id.isascii() or not query_id.isprintable():
        raise SettingRefused(
            f"query_id has {len(query_id)} characters; expected at most {QUERY_ID_CHARS_MAX}, printable ASCII"
        )
    return SqlRequest(
        statement=_statement(given.get("query", ""), body),
        values={name.removeprefix(PARAMETER): text for name, text in given.items() if name.startswith(PARAMETER)},
        format=given.get("default_format") or headers.get("x-clickhouse-format") or DEFAULT,
        settings={
            name: text for name, text in given.items() if name not in OWN and not name.startswith(PARAMETER)
        },
        query_id=query_id,
    )  # fmt: skip


def _statement(query: str, body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise SqlRefused(f"the body is no UTF-8: byte {error.start} is {body[error.start]:#x}") from error
    return f"{query}\n{text}".strip() if query and text.strip() else query.strip() or text.strip()
