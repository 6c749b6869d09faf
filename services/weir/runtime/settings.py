"""Settings that every service shares, read from `WEIR_*` environment variables.

A service adds its own in `weir.<service>.settings` by subclassing `SharedSettings` with its own prefix for its own
fields (`variables_of`). Read once, in `__main__`; unknown combinations fail there. Every field has a unit in its name and
a reason.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasGenerator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from weir.runtime.errors import BadSetting
from weir.runtime.rejects import Limits


class SharedSettings(BaseSettings):
    """Where the log, the schemas and this process's own files and health page are."""

    model_config = SettingsConfigDict(env_prefix="WEIR_", frozen=True, extra="ignore", populate_by_name=True)

    kafka_bootstrap: str = Field(default="127.0.0.1:9092", validation_alias="WEIR_KAFKA_BOOTSTRAP")
    """host:port of any broker, comma-separated."""

    registry_url: str = Field(default="http://127.0.0.1:8081", validation_alias="WEIR_REGISTRY_URL")
    """Base URL of the registry and schema API (Confluent-compatible)."""

    data_dir: Path = Field(default=Path(".weir/data"), validation_alias="WEIR_DATA_DIR")
    """Folder for this service's own files (spool, checkpoints, database); each service uses a subfolder."""

    instance: str = Field(default="1", validation_alias="WEIR_INSTANCE")
    """Name of this instance; part of the event source, so unique among instances of one service."""

    http_host: str = Field(default="127.0.0.1", validation_alias="WEIR_HTTP_HOST")
    """Address the health page and API bind to; loopback unless set."""

    http_port: int = Field(default=0, validation_alias="WEIR_HTTP_PORT")
    """Port of health, metrics and API; 0 picks a free one."""

    http_hosts: str = Field(default="", validation_alias="WEIR_HTTP_HOSTS")
    """Host names, comma-separated, without ports, that requests may name beside localhost and loopback addresses: the
    name of a container, or the one that a reverse proxy passes on. Any other is refused, so that no web page can reach
    the API under a name of its own."""

    http_token: SecretStr = Field(default=SecretStr(""), validation_alias="WEIR_HTTP_TOKEN")
    """Bearer token of the HTTP API: every write and every read of user text. Empty: the file below, or these routes are
    closed. A service beyond loopback does not start without one."""

    http_token_file: Path | None = Field(default=None, validation_alias="WEIR_HTTP_TOKEN_FILE")
    """File that holds the token; `weir up` makes one for its stack."""

    http_header_bytes_max: int = Field(default=32_768, ge=4_096, validation_alias="WEIR_HTTP_HEADER_BYTES_MAX")
    """Bytes of a request's line and headers. Chosen: twice what reverse proxies pass on."""

    http_connections_max: int = Field(default=512, ge=1, validation_alias="WEIR_HTTP_CONNECTIONS_MAX")
    """Open HTTP connections; one more is answered 503. Chosen: half of the files that a process may usually open."""

    registry_token: SecretStr = Field(default=SecretStr(""), validation_alias="WEIR_REGISTRY_TOKEN")
    """What the registry is asked with, where it has a token of its own; else the HTTP token."""

    message_bytes_max: int = Field(default=4_194_304, validation_alias="WEIR_MESSAGE_BYTES_MAX")
    """Largest message a consumer decodes; a larger one is dead-lettered. Chosen: twice a full text-features envelope."""

    dead_letters_in_a_row_max: int = Field(default=1_000, validation_alias="WEIR_DEAD_LETTERS_IN_A_ROW_MAX")
    """Dead letters without one good message between them, per partition, before the consumer stops. Arbitrary:
    more than a broken client sends before a person sees it (tens), fewer than a topic holds (millions)."""

    dead_letters_share_max: float = Field(default=0.5, gt=0, le=1, validation_alias="WEIR_DEAD_LETTERS_SHARE_MAX")
    """Dead letters as a part of a partition's recent messages before the consumer stops; 1 never stops it. Chosen: when
    most messages cannot be handled, the deploy is bad, or the producer is."""

    dead_letters_window_messages: int = Field(
        default=2_000, ge=10, validation_alias="WEIR_DEAD_LETTERS_WINDOW_MESSAGES"
    )
    """Messages that count as recent; before so many were seen the share stops nothing. Chosen: twice
    `dead_letters_in_a_row_max`."""

    spans_waiting_max: int = Field(default=10_000, ge=1, validation_alias="WEIR_SPANS_WAITING_MAX")
    """Spans of the service's own work that wait in memory for Kafka; one more is dropped and counted. Arbitrary: some 10 MB;
    any value from 1,000 to 100,000 would do."""

    traces_remembered_max: int = Field(default=20_000, ge=1, validation_alias="WEIR_TRACES_REMEMBERED_MAX")
    """Trace contexts of calls that a service remembers to link an alarm to them; the oldest leave. Arbitrary: some 6 MB, ten
    times the events that a detector names examples of; any value from 2,000 to 200,000 would do."""

    log_level: str = Field(default="info", validation_alias="WEIR_LOG_LEVEL")
    """debug, info, warning or error."""

    def http_token_text(self) -> str:
        """The token, from its variable or its file; empty where neither is set.

        Raises BadSetting for a file that cannot be read or is empty: a token that was asked for is never left out.
        """
        if self.http_token.get_secret_value() or self.http_token_file is None:
            return self.http_token.get_secret_value()
        return secret_in(self.http_token_file, "WEIR_HTTP_TOKEN_FILE")

    def registry_token_text(self) -> str:
        """The token that the registry is asked with; empty where none is set. Raises BadSetting as `http_token_text` does."""
        return self.registry_token.get_secret_value() or self.http_token_text()

    @property
    def reject_limits(self) -> Limits:
        """What stops a consumer."""
        return Limits(self.dead_letters_in_a_row_max, self.dead_letters_share_max, self.dead_letters_window_messages)


def variables_of(prefix: str) -> AliasGenerator:
    """The variables of a service's own fields: the prefix and the field's name in capitals, unless a field names another."""
    return AliasGenerator(validation_alias=lambda name: f"{prefix}{name}".upper())


def secret_in(file: Path, variable: str) -> str:
    """The secret that a file holds, without white space around it. variable: the setting that names the file.

    Raises BadSetting for a file that cannot be read or is empty: a secret that was asked for is never left out.
    """
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{variable}={file} cannot be read: {error}") from error
    if not text:
        raise BadSetting(f"{variable}={file} is empty; write a long random text into it")
    return text
