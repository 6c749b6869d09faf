"""The store: atomic, chained, numbered without gaps, the same after a restart; on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import URL, select

from harness.store.postgres import on_both
from weir.events import Event, GovernanceRecorded, RegistryChanged
from weir.registry.adapters import assets, outbox
from weir.registry.adapters.database import Database
from weir.registry.adapters.tables import GOVERNANCE
from weir.registry.app.app import NotFound, Registry
from weir.registry.core.governance import first_broken
from weir.registry.core.problems import Refused
from weir.runtime.kafka.relay import Unsent

pytestmark = on_both


def policy(version: str = "1", limit: int = 10, aliases: list[str] | None = None, name: str = "p") -> dict[str, Any]:
    spec = {"input_bytes_max": limit}
    return {"kind": "policy", "name": name, "version": version, "aliases": aliases or [], "spec": spec}


def apply(registry: Registry, *documents: object) -> list[str]:
    return [one.change for one in registry.apply(documents, "me", dry_run=False)]


def waiting(database: Database) -> list[Unsent[Event]]:
    with database.reading() as connection:
        return list(outbox.waiting(connection, 1_000))


def records(database: Database) -> list[GovernanceRecorded]:
    with database.reading() as connection:
        rows = connection.execute(select(GOVERNANCE.c.record_json).order_by(GOVERNANCE.c.number))
        return [GovernanceRecorded.from_record(json.loads(row[0])) for row in rows]


def test_an_apply_is_stored_and_told_in_one_step(registry: Registry, database: Database) -> None:
    assert apply(registry, policy(aliases=["prod"])) == ["created", "alias_moved"]

    events = [one.event for one in waiting(database) if one.topic == "registry-changes"]
    keys = [one.key for one in waiting(database) if one.topic == "registry-changes"]
    assert keys == ["policy/p@1", "policy/p:prod"]
    assert all(isinstance(event, RegistryChanged) and event.body_json == '{"input_bytes_max":10}' for event in events)
    assert [event.revision for event in events if isinstance(event, RegistryChanged)] == [1, 2]


@pytest.mark.capability("G2")
def test_an_alias_that_is_moved_to_where_it_is_stands_in_the_log_as_a_move(
    registry: Registry, database: Database
) -> None:
    apply(registry, policy(aliases=["prod"]))

    again = registry.move_alias("policy", "p", "prod", "1", "ana")

    assert again.change == "unchanged"
    last = records(database)[-1]
    assert (last.actor, last.action, last.reason) == ("ana", "alias.move", "prod -> 1")


@pytest.mark.capability("G2")
def test_every_act_is_recorded_refused_ones_too_and_the_chain_holds(registry: Registry, database: Database) -> None:
    apply(registry, policy(aliases=["prod"]))
    for wrong in (policy(limit=11), {"kind": "prompt", "name": 3}):
        with pytest.raises(Refused):
            apply(registry, policy("2", 2), wrong)
    with pytest.raises(NotFound):
        registry.move_alias("policy", "p", "prod", "9", "me")
    registry.move_alias("policy", "p", "dev", "1", "me")

    found = records(database)
    assert [(one.action, one.decision) for one in found] == [
        ("asset.apply", "executed"),
        ("alias.move", "executed"),
        ("asset.apply", "refused"),
        ("asset.apply", "refused"),
        ("asset.apply", "refused"),
        ("asset.apply", "refused"),
        ("alias.move", "refused"),
        ("alias.move", "executed"),
    ]
    assert "versions are immutable" in found[3].reason
    assert (found[5].kind, found[5].name) == ("prompt", "document-1")
    assert found[2].reason == "another document of the batch was refused"
    assert first_broken(found) is None


def test_a_refused_batch_stores_nothing(registry: Registry) -> None:
    with pytest.raises(Refused):
        apply(registry, policy("7", 7), {"kind": "prompt"})

    assert registry.versions() == []


def test_a_dry_run_decides_and_leaves_no_trace(registry: Registry, database: Database) -> None:
    changes = registry.apply([policy(aliases=["prod"])], "me", dry_run=True)

    assert [one.change for one in changes] == ["created", "alias_moved"]
    assert (registry.versions(), waiting(database), records(database)) == ([], [], [])


def test_events_have_gapless_numbers_and_ids_of_their_own(registry: Registry, database: Database) -> None:
    for number in range(5):
        apply(registry, policy(str(number), number + 1, ["prod"]))

    events = [one.event for one in waiting(database)]
    assert [event.seq for event in events] == list(range(len(events)))
    assert len({event.event_id for event in events}) == len(events)
    assert {event.source for event in events} == {"registry/test"}


def test_a_restart_keeps_numbers_and_what_was_not_sent(
    registry: Registry, database: Database, database_url: URL
) -> None:
    apply(registry, policy())
    with database.writing() as connection:
        outbox.mark_sent(connection, [1])
    before = waiting(database)

    again = Database(database_url)
    with again.writing() as connection:
        outbox.set_up_numbering(connection, "registry/other", 1)
    apply(Registry(again, lambda: None), policy("2", 2))

    events = waiting(again)
    assert events[: len(before)] == before
    assert {one.event.source for one in events} == {"registry/test"}
    assert all(right.position == left.position + 1 for left, right in pairwise(events))
    again.close()


def test_writers_beside_each_other_share_one_line_of_revisions(registry: Registry, database: Database) -> None:
    def write(number: int) -> None:
        for version in range(5):
            apply(registry, policy(str(version), version + 1, ["prod"], name=f"p{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    revisions = [one.revision for one in registry.history(0, 2**62)]
    assert revisions == list(range(40, 0, -1))
    assert first_broken(records(database)) is None


@pytest.mark.capability("D8")
def test_history_answers_what_changed_between_two_times(registry: Registry) -> None:
    apply(registry, policy())
    apply(registry, policy("2", 2, ["prod"]))
    lines = registry.history(0, 2**62)

    assert [(one.change, one.version) for one in lines] == [
        ("alias_moved", "2"),
        ("version_created", "2"),
        ("version_created", "1"),
    ]
    assert registry.history(0, lines[-1].time_us) == []


@pytest.mark.capability("D5")
def test_a_version_is_found_by_label_alias_and_digest(registry: Registry) -> None:
    apply(registry, policy("1", 1), policy("2", 2, ["prod"]))
    digest = registry.versions("policy", "p")[0].digest

    for selector in ("2", "prod", digest):
        row, spec = registry.version("policy", "p", selector)
        assert (row.version, spec) == ("2", {"input_bytes_max": 2})
    with pytest.raises(NotFound, match="versions of policy 'p': 1, 2; aliases: prod"):
        registry.version("policy", "p", "dev")


def test_an_alias_moved_back_tells_of_the_version_it_left(registry: Registry, database: Database) -> None:
    apply(registry, policy("1", 1), policy("2", 2, ["prod"]))
    change = registry.move_alias("policy", "p", "prod", "1", "me")

    event = [one.event for one in waiting(database) if one.topic == "registry-changes"][-1]
    assert isinstance(event, RegistryChanged)
    assert (event.alias, event.version, event.previous_digest) == ("prod", "1", change.previous_digest)
    assert event.body_json == '{"input_bytes_max":1}'


def test_an_alias_may_not_take_the_name_of_a_version(registry: Registry) -> None:
    apply(registry, policy("1", 1), policy("2", 2))

    with pytest.raises(Refused, match="'2' is a version of this policy"):
        registry.move_alias("policy", "p", "2", "1", "me")


def test_the_changes_wait_again_when_their_topic_is_another_one(registry: Registry, database: Database) -> None:
    def noticed(topic_id: str) -> int:
        with database.writing() as connection:
            return outbox.send_again_when_anew(connection, outbox.CHANGES_TOPIC, topic_id)

    apply(registry, policy(aliases=["prod"]))
    told = waiting(database)
    changes = [one for one in told if one.topic == outbox.CHANGES_TOPIC]
    with database.writing() as connection:
        outbox.mark_sent(connection, [one.position for one in told])

    assert [noticed("first"), noticed("first")] == [0, 0]
    assert waiting(database) == []
    assert noticed("second") == len(changes)
    assert waiting(database) == changes
    assert noticed("second") == 0


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(registry: Registry, database: Database) -> None:
    apply(registry, policy(aliases=["prod"]))

    with database.reading() as connection:
        before = assets.list_versions(connection)
        apply(registry, policy("2", 2, aliases=["prod"]))
        aliases = assets.list_aliases(connection)

    assert [row.version for row in before] == ["1"]
    assert [row.version for row in aliases] == ["1"]
    with database.reading() as connection:
        assert [row.version for row in assets.list_aliases(connection)] == ["2"]
