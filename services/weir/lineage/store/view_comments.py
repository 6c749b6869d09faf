"""Comments of the published views: each column says what it is, in the words of the table that it comes from.

The engine makes a view without the comments of its tables. They are derived at every start, so a migration that makes a
view anew need not repeat them; a test holds that no column is without one.
"""

from __future__ import annotations

from collections.abc import Mapping

from weir.lineage.core.sql_strings import quoted
from weir.lineage.store.store import Store

TABLES = {
    "v_spans": "span_rows",
    "v_text_features": "text_feature_rows",
    "v_anchor_scores": "evaluation_scores",
    "v_drift_blame": "drift_signals",
    "v_lineage": "edges_by_source",
    "v_impact": "edges_by_source",
    "v_numbers": "inference_responses",
    "v_call_hours_all": "call_hours",
}
"""Table whose comments a view takes, where it is not the one of the same name. `edges_by_target` was made after the other
and has none of its own."""

OWN: Mapping[str, Mapping[str, str]] = {
    "v_drift_blame": {
        "kind": "Asset kind, or tenant.",
        "name": "Name of the asset or the tenant.",
        "version": "Version label; empty for a tenant.",
        "digest": "Digest of the version; empty for a tenant.",
        "log_e": "Evidence that this value changed, natural logarithm of an e-value; above 0 speaks for a change.",
        "events": "Events that the evidence was made from.",
    },
    "v_numbers": {"topic": "Topic of the event."},
}  # fmt: skip
"""Columns that no table has, or that mean something else there."""

ABOUT = {
    "v_spans": "Spans of traces, one row a span.",
    "v_text_features": "Features of the texts of calls, one row a call.",
    "v_anchor_scores": "Scores of human-labelled anchors: how an evaluator judges, no figure about the traffic.",
    "v_drift_blame": "Evidence by asset version and tenant over the alarms, one row an entry.",
    "v_lineage": "What each answer was made of: from an answer to its assets.",
    "v_impact": "Which answers each asset took part in: from an asset to its answers.",
    "v_call_hours_all": "Calls by hour, route, model and release, of all tenants, some seconds behind the calls.",
    "v_numbers": "Every numbered event that is stored, of all topics: what the audit counts.",
}
"""What a row of a view is, where the comment of its table does not say it."""

COLUMNS = (
    "SELECT groupArray(table) AS tables, groupArray(name) AS names, groupArray(comment) AS comments"
    " FROM system.columns WHERE database = currentDatabase()"
)
ABOUTS = "SELECT groupArray(name) AS names, groupArray(comment) AS comments FROM system.tables WHERE database = currentDatabase()"
"""One row each, so that no bound on rows can end the start."""


def comment_views(store: Store) -> int:
    """Comment every view and column that is not commented so yet; returns how many views changed."""
    (of_columns,), (of_tables,) = store.rows(COLUMNS), store.rows(ABOUTS)
    keys = zip(of_columns["tables"], of_columns["names"], strict=True)
    columns: dict[tuple[str, str], str] = dict(zip(keys, of_columns["comments"], strict=True))
    abouts: dict[str, str] = dict(zip(of_tables["names"], of_tables["comments"], strict=True))
    changed = 0
    for view in sorted(name for name in abouts if name.startswith("v_")):
        table = TABLES.get(view, view.removeprefix("v_"))
        wanted = {
            name: OWN.get(view, {}).get(name) or columns.get((table, name), "") for of, name in columns if of == view
        }
        about = ABOUT.get(view) or abouts.get(table, "")
        parts = [
            f"COMMENT COLUMN `{name}` {quoted(text)}"
            for name, text in wanted.items()
            if text and text != columns[view, name]
        ]
        if parts:
            store.command(f"ALTER TABLE {view} {', '.join(parts)}")
        if about and about != abouts[view]:
            store.command(f"ALTER TABLE {view} MODIFY COMMENT {quoted(about)}")
        changed += bool(parts or about != abouts[view])
    return changed
