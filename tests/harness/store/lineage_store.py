"""The real engine in the test's process, with the tables made, and rows put into them as producers number them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.samples.builders import NOON_US
from weir.events import SCHEMA_JSON, TOPICS, Event, encode_body
from weir.lineage.core.retention import Retention
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.container import container
from weir.lineage.store.migrate import migrate
from weir.lineage.store.retention import keep
from weir.lineage.store.store import Store
from weir.lineage.store.view_comments import comment_views

LONGEST_DAYS = 7_300
"""The builders' events are as old as they are: nothing may expire under a test."""

Put = Callable[..., None]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder of a store with its tables, made once: each test gets a copy."""
    folder = tmp_path_factory.mktemp("migrated")
    store = Store(LineageSettings(data_dir=folder))
    migrate(store)
    comment_views(store)
    keep(store, Retention(LONGEST_DAYS, LONGEST_DAYS, LONGEST_DAYS))
    store.close()
    return folder


@contextmanager
def opened(migrated: Path, folder: Path) -> Iterator[Store]:
    """An empty store in a folder."""
    shutil.copytree(migrated, folder, symlinks=True)
    store = Store(LineageSettings(data_dir=folder))
    yield store
    store.close()


@pytest.fixture
def store(migrated: Path, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with opened(migrated, tmp_path / "data") as store:
        yield store


@pytest.fixture
def put(store: Store) -> Put:
    """Stores events of one topic, as the sink does."""
    return put_into(store)


def put_into(store: Store) -> Put:
    """What stores events of one topic, as the sink does."""
    count = 0

    def put(topic: str, *events: Event) -> None:
        nonlocal count
        count += 1
        block = container(SCHEMA_JSON[TOPICS[topic].event], [encode_body(event) for event in events])
        store.insert_container(topic.replace("-", "_"), block, f"{NOON_US} {count}")

    return put
