"""Settings of the registry, read once in `__main__` from `WEIR_REGISTRY_*` and the shared `WEIR_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from weir.assets.checks import is_name
from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings, secret_in, variables_of


class RegistrySettings(SharedSettings, alias_generator=variables_of("WEIR_REGISTRY_")):
    """Where the database is, who may write, and every bound of the API."""

    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in <data dir>/registry/registry.db. PostgreSQL: postgresql+psycopg://weir@host/weir"""

    database_password_file: Path | None = None
    """File that holds the database's password, so that it stands in no environment; without it the URL's own."""

    http_token: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("WEIR_REGISTRY_TOKEN", "WEIR_HTTP_TOKEN")
    )
    """Bearer token of writes and of definitions; the registry may have one of its own. Schema clients send it as the
    password of `basic.auth.user.info`."""

    body_bytes_max: int = Field(default=1_048_576, ge=1)
    """Largest request body, bytes. Chosen: hundreds of definitions."""

    documents_max: int = Field(default=500, ge=1)
    """Most documents in one apply. Arbitrary: above any folder of definitions, and they fit `body_bytes_max` at 2 kB each."""

    approved_aliases: str = ""
    """Aliases, with commas between, that move only to versions which somebody other than their author approved, as `prod`;
    empty: none. The names of authors are what callers say, and one token opens: a gate for colleagues, not for attackers."""

    relay_events_max: int = Field(default=200, ge=1)
    """Events sent to Kafka at once. Arbitrary: they share one wait for the broker; any value from 50 to 1,000
    would do."""

    relay_pause_s: float = Field(default=1.0, gt=0)
    """Seconds between looks at an outbox nobody announced a change of, and between tries. Arbitrary: any value from
    0.2 to 5 would do; a change is announced at once anyway."""

    def guarded_aliases(self) -> frozenset[str]:
        """The aliases under four eyes. Raises BadSetting for a name that no alias can have."""
        names = [name.strip() for name in self.approved_aliases.split(",") if name.strip()]
        if wrong := [name for name in names if not is_name(name)]:
            raise BadSetting(
                f"WEIR_REGISTRY_APPROVED_ALIASES names {wrong}; expected names of aliases, as prod,staging"
            )
        return frozenset(names)

    def url(self) -> URL:
        """The database URL in force, which hides its password where it is printed.

        Raises BadSetting for a password file without a password, and for a URL that is none.
        """
        text = self.database_url or f"sqlite:///{self.data_dir / 'registry' / 'registry.db'}"
        try:
            url = make_url(text)
        except ArgumentError as error:
            hint = "expected one like postgresql+psycopg://weir@host/weir"
            raise BadSetting(f"WEIR_REGISTRY_DATABASE_URL is no database URL; {hint}") from error
        if self.database_password_file is None:
            return url
        return url.set(password=secret_in(self.database_password_file, "WEIR_REGISTRY_DATABASE_PASSWORD_FILE"))
