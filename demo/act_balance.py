"""Act 4: the clients' list of acknowledged calls against the store, call by call."""

from __future__ import annotations

from typing import Any

from demo.apis import rows
from demo.ledger import Accounts, StoredCall, accounts_of
from demo.scene import Scene
from demo.terminal import step
from harness.waiting import NeverHappened, eventually

PAGE_ROWS = 5_000
"""Rows of one query. Chosen: below the row cap of the SQL endpoint."""

QUERY = (
    "SELECT request_id, client_request_id FROM v_inference_responses ORDER BY request_id LIMIT {limit} OFFSET {offset}"
)


def balance(scene: Scene) -> None:
    """Wait until everything acknowledged is stored and nothing is outstanding, or the deadline; fill the ledger."""
    step(scene.out, "waiting until every acknowledged call is in the store")
    try:
        eventually(
            lambda: _is_settled(scene), within_s=scene.settings.stored_deadline_s, what="every acknowledged call stored"
        )
    except NeverHappened as error:
        scene.out.print(f"  [red]{error}[/]", highlight=False)
    accounts, totals, evidence = _accounts(scene), _totals(scene), scene.evidence
    evidence.accepted, evidence.stored, evidence.lost = accounts.accepted, accounts.stored, accounts.lost
    evidence.duplicates_visible = accounts.duplicates_visible
    evidence.dead_lettered = int(totals["dead_lettered"])
    evidence.sequence_numbers_missing = int(totals["missing"])
    evidence.refused_calls = len(scene.ledger.refusals)
    by_client = scene.ledger.by_client()
    evidence.answered_tritonclient = by_client["tritonclient"]
    evidence.answered_openai = by_client["openai"]
    evidence.answered_openai_stream = by_client["openai-stream"]
    scene.out.print(
        f"  accepted {evidence.accepted}, stored {evidence.stored}, dead-lettered {evidence.dead_lettered}, "
        f"lost {evidence.lost}, duplicates visible {evidence.duplicates_visible}",
        highlight=False,
    )
    if accounts.lost_ids:
        scene.out.print(f"  [red]lost: {', '.join(accounts.lost_ids[:10])}[/]", highlight=False)


def _is_settled(scene: Scene) -> bool:
    if _accounts(scene).lost:
        return False
    totals = _totals(scene)
    return int(totals["accepted"]) == int(totals["stored"])


def _accounts(scene: Scene) -> Accounts:
    found: list[StoredCall] = []
    while len(page := _page(scene, len(found))) == PAGE_ROWS:
        found.extend(page)
    return accounts_of(scene.ledger.answers, [*found, *page])


def _page(scene: Scene, offset: int) -> list[StoredCall]:
    query = QUERY.format(limit=PAGE_ROWS, offset=offset)
    return [StoredCall(str(row["request_id"]), str(row["client_request_id"])) for row in rows(scene.lineage, query)]


def _totals(scene: Scene) -> dict[str, Any]:
    return dict(scene.lineage.get("/v1/audit")["totals"])
