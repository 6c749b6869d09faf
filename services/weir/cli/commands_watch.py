"""Commands for keys, secrets and topics, and the settings this command line uses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from weir.access.keys import SCOPES
from weir.cli import client, log
from weir.cli.moments import written
from weir.cli.output import CliError, ExitCode, Json, emit, emit_json, emit_rows, say
from weir.runtime.clock import now_us

DAY_US = 86_400_000_000
"""Microseconds of a day."""

DAYS_MAX = 3_650
"""Days until a key expires, at most: ten years; a longer one shall not expire."""


def keys_create(
    key_id: Annotated[str, typer.Argument(help="Name of the key.")],
    tenant: Annotated[str, typer.Option(help="Tenant of every call made with it.")],
    scope: Annotated[list[str], typer.Option(help=f"{', '.join(SCOPES)}; repeat for several.")],
    route: Annotated[list[str] | None, typer.Option(help="Only these routes.")] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=DAYS_MAX, help="Days until it expires; never unless given.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an API key; its text is shown once, only its hash is kept."""
    from weir.cli.stack.secrets import add_key, new_key

    _demand_name("key_id", key_id)
    _demand_name("tenant", tenant)
    expires_us = None if expires_in_days is None else now_us() + expires_in_days * DAY_US
    text, stored = new_key(key_id, tenant, scope, tuple(route or ["*"]), expires_us)
    try:
        add_key(_keys_file(), stored)
    except ValueError as error:
        raise CliError(ExitCode.INVALID, f"no key was made: {error}", "weir keys create --help") from error
    except OSError as error:
        raise _unusable("no key was made", error) from error
    emit({"id": key_id, "key": text, "tenant": tenant, "scopes": scope, "expires_us": expires_us}, text, json)


def _demand_name(what: str, value: str) -> None:
    """A new key's name and its tenant are written as names of assets are: they stand in commands, filters and columns."""
    from weir.access.key_text import shown
    from weir.assets.checks import NAME_EXPECTED, is_name

    if not is_name(value):
        text = f"no key was made: {what} is {shown(value)}; expected {NAME_EXPECTED}"
        raise CliError(ExitCode.INVALID, text, "weir keys create --help")


def keys_list(json: Json = False) -> None:
    """Keys, without their secrets."""
    from weir.cli.stack.secrets import read_keys

    try:
        keys = [{k: v for k, v in key.items() if k != "sha256"} for key in read_keys(_keys_file())]
    except ValueError as error:
        raise CliError(ExitCode.INVALID, str(error)) from error
    except OSError as error:
        raise _unusable("no key can be listed", error) from error
    rows = [
        {**key, "expires": written(int(str(key["expires_us"]))) if key.get("expires_us") else "never"} for key in keys
    ]
    emit_rows({"items": keys}, rows, ("id", "prefix", "tenant", "scopes", "routes", "expires"), json)


def keys_revoke(key_id: str, json: Json = False) -> None:
    """Remove a key; the gateway forgets it within a second."""
    from weir.cli.stack.secrets import KeyUnknown, remove_key

    try:
        remove_key(_keys_file(), key_id)
    except KeyUnknown as error:
        raise CliError(ExitCode.NOT_FOUND, str(error), "weir keys list") from error
    except ValueError as error:
        raise CliError(ExitCode.INVALID, f"nothing was revoked: {error}") from error
    except OSError as error:
        raise _unusable("nothing was revoked", error) from error
    emit_json({"revoked": key_id}) if json else say(f"revoked {key_id}")


def secrets_init(
    folder: Annotated[Path, typer.Option(help="Where docker-compose.yml mounts them from.")] = Path("secrets"),
    json: Json = False,
) -> None:
    """Make the secrets of the production shape; what is there already stays as it is."""
    from weir.cli.container_secrets import make_secrets

    try:
        made = [str(path) for path in make_secrets(folder)]
    except (OSError, ValueError) as error:
        raise CliError(ExitCode.INVALID, f"the secrets could not be made: {error}") from error
    emit({"made": made}, "\n".join(f"made {path}" for path in made) or f"everything is in {folder} already", json)


def topics_create(
    bootstrap: Annotated[str, typer.Option(help="host:port of a broker.")],
    replication: Annotated[int, typer.Option(min=1)] = 1,
    json: Json = False,
) -> None:
    """Create the topics of schemas/topics on a cluster."""
    from aiokafka.errors import KafkaError

    from weir.cli.stack.topics import TopicsDiffer, create_topics

    try:
        created = create_topics(bootstrap, replication=replication)
    except TopicsDiffer as error:
        raise CliError(ExitCode.INVALID, str(error)) from error
    except KafkaError as error:
        raise CliError(ExitCode.NOT_READY, f"no broker at {bootstrap}: {error!r}", "is Kafka running?") from error
    emit({"created": created}, f"{len(created)} topics created", json)


def config_show(json: Json = False) -> None:
    """Where the command line finds things, and what said so."""
    from weir.cli.stack.layout import layout

    place = layout()
    rows = [
        {"name": "home", "value": str(place.home), "from": "WEIR_HOME" if os.environ.get("WEIR_HOME") else "default"}
    ]
    for service in ("registry", "lineage", "alerts", "drift"):
        name = f"WEIR_{service.upper()}_URL"
        source = name if name in os.environ else str(place.endpoints_file)
        try:
            rows.append({"name": f"{service}_url", "value": client.base_url(service), "from": source})
        except CliError:
            rows.append({"name": f"{service}_url", "value": "", "from": "nothing: no stack runs"})
    rows.append(_kafka_row(str(place.endpoints_file)))
    emit_rows({"items": rows}, rows, ("name", "value", "from"), json)


def _kafka_row(stack: str) -> dict[str, str]:
    """Where Kafka is. stack: the file that says it of the running stack."""
    try:
        found, source = log.bootstrap(), log.KAFKA_BOOTSTRAP if os.environ.get(log.KAFKA_BOOTSTRAP) else stack
    except CliError:
        found, source = "", "nothing: no stack runs"
    return {"name": "kafka_bootstrap", "value": found, "from": source}


def _unusable(what: str, error: OSError) -> CliError:
    return CliError(
        ExitCode.INVALID,
        f"{what}: {error.filename or 'the keys file'}: {error.strerror or error}",
        "make the folder, or let WEIR_GATEWAY_KEYS_FILE name a file that you may write",
    )


def _keys_file() -> Path:
    """WEIR_GATEWAY_KEYS_FILE, as the gateway reads it; else the stack's own."""
    given = os.environ.get("WEIR_GATEWAY_KEYS_FILE")
    if given:
        return Path(given)
    from weir.cli.stack.layout import layout

    place = layout()
    place.make()
    return place.keys_file
