"""Settings of the registry, read once in `__main__` from `WEIR_REGISTRY_*` and the shared `WEIR_*`."""

from __future__ import annotations

from ipaddress import ip_address

from pydantic import Field, SecretStr

from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings


class RegistrySettings(SharedSettings):
    """Where the database is, who may write, and every bound of the API."""

    database_url: str = Field(default="", validation_alias="WEIR_REGISTRY_DATABASE_URL")
    """SQLAlchemy URL; empty means SQLite in <data dir>/registry/registry.db."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="WEIR_REGISTRY_TOKEN")
    """Bearer token that writes must carry; empty means that writes need none, which only loopback allows."""

    body_bytes_max: int = Field(default=1_048_576, validation_alias="WEIR_REGISTRY_BODY_BYTES_MAX", ge=1)
    """Largest request body, bytes. Chosen: hundreds of definitions."""

    documents_max: int = Field(default=500, validation_alias="WEIR_REGISTRY_DOCUMENTS_MAX", ge=1)
    """Most documents in one apply. Chosen."""

    relay_events_max: int = Field(default=200, validation_alias="WEIR_REGISTRY_RELAY_EVENTS_MAX", ge=1)
    """Events sent to Kafka at once. Chosen."""

    relay_pause_s: float = Field(default=1.0, validation_alias="WEIR_REGISTRY_RELAY_PAUSE_S", gt=0)
    """Seconds between looks at an outbox nobody announced a change of, and between tries. Chosen."""

    @property
    def url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'registry' / 'registry.db'}"

    def check(self) -> None:
        """Refuse to listen beyond loopback without a token. Raises BadSetting."""
        if not self.token.get_secret_value() and not _is_loopback(self.http_host):
            raise BadSetting(
                f"WEIR_HTTP_HOST is {self.http_host!r} and WEIR_REGISTRY_TOKEN is empty: anyone could write; "
                "set WEIR_REGISTRY_TOKEN to a long random text, or bind to 127.0.0.1"
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
