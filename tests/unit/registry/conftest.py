"""A registry over a fresh database, SQLite or PostgreSQL, and the same behind a real HTTP server on a free port."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, make_url

from harness.stack.service_process import free_port
from harness.store.postgres import Postgres, programs
from harness.waiting import PATIENCE_S
from weir.events import SCHEMA_JSON, TOPICS
from weir.registry.adapters import outbox
from weir.registry.adapters.database import Database
from weir.registry.api.assets import AssetApi
from weir.registry.api.schemas import SchemaApi, page_of
from weir.registry.app.app import Registry
from weir.registry.app.subjects import Subjects
from weir.registry.settings import RegistrySettings
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve

TOKEN = "a-long-random-text"
"""Token of the registry under test."""

BOOT_EPOCH = 1_795_521_600_000_000


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    if programs() is None:
        # `make test` installs it: there its absence is a fault, not a reason to leave tests out.
        give_up = pytest.fail if os.environ.get("WEIR_WHOLE_RUN") else pytest.skip
        give_up("PostgreSQL is not installed here; make setup-tests installs it")
    with Postgres() as server:
        yield server


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """Where a fresh, empty database is: SQLite, unless the test asks for another kind or, with `on_both`, for each in turn."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return make_url(f"sqlite:///{tmp_path / 'registry.db'}")
    server: Postgres = request.getfixturevalue("postgres")
    return server.database()


@pytest.fixture
def database(database_url: URL) -> Iterator[Database]:
    database = Database(database_url)
    with database.writing() as connection:
        outbox.set_up_numbering(connection, "registry/test", BOOT_EPOCH)
    yield database
    database.close()


@pytest.fixture
def registry(database: Database) -> Registry:
    return Registry(database, lambda: None)


@pytest.fixture
def subjects(database: Database) -> Subjects:
    return Subjects(database)


@pytest.fixture
def settings(tmp_path: Path) -> RegistrySettings:
    return RegistrySettings(data_dir=tmp_path, body_bytes_max=20_000, documents_max=20, http_token=SecretStr(TOKEN))


@pytest.fixture
async def url(registry: Registry, subjects: Subjects, settings: RegistrySettings) -> AsyncIterator[str]:
    """Base URL of a running registry with this build's schemas."""
    subjects.register_all({f"{name}-value": SCHEMA_JSON[topic.event] for name, topic in TOPICS.items()})
    port, stop = free_port(), asyncio.Event()
    policy = policy_of(settings.model_copy(update={"http_port": port}), settings.body_bytes_max)
    routes = [*AssetApi(registry, settings).routes(), *SchemaApi(subjects, settings).routes()]
    serving = asyncio.create_task(serve(application(dict, policy, routes, page_of), stop))
    base = f"http://127.0.0.1:{port}"
    await _answers(base, serving)
    yield base
    stop.set()
    await serving


async def _answers(base: str, serving: asyncio.Task[None]) -> None:
    async with httpx2.AsyncClient() as client, asyncio.timeout(PATIENCE_S):
        while not serving.done():
            try:
                await client.get(f"{base}/healthz")
            except httpx2.ConnectError:
                await asyncio.wait({serving}, timeout=0.02)
            else:
                return
        await serving
