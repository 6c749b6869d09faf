"""The command `weir`. Heavy libraries are imported by the command that needs them, so that help is quick."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from weir.cli import (
    commands_alerts,
    commands_assets,
    commands_bench,
    commands_blame,
    commands_doctor,
    commands_drift,
    commands_feedback,
    commands_governance,
    commands_log,
    commands_quality,
    commands_replay,
    commands_stack,
    commands_store,
    commands_watch,
)
from weir.cli.output import CliError, ExitCode, emit_json, error_document, say
from weir.runtime.surroundings import adopt, of_command_line

app = typer.Typer(
    name="weir",
    help="Weir: the streaming operations layer for generative AI.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

for function in (
    commands_stack.up,
    commands_stack.down,
    commands_stack.restart,
    commands_stack.status,
    commands_stack.logs,
    commands_doctor.doctor,
    commands_assets.apply,
    commands_assets.diff,
    commands_store.sql,
):
    app.command()(function)

GROUPS: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
    "asset": (
        "Assets of the registry.",
        {
            "list": commands_assets.list_assets,
            "show": commands_assets.show,
            "history": commands_assets.history,
            "approve": commands_assets.approve,
            "alias": commands_assets.alias,
        },
    ),
    "trace": ("Traces and calls.", {"show": commands_store.trace_show, "search": commands_store.trace_search}),
    "lineage": (
        "What answers are made of.",
        {
            "show": commands_store.lineage_show,
            "export": commands_store.lineage_export,
            "impact": commands_store.lineage_impact,
            "blame": commands_blame.lineage_blame,
        },
    ),
    "audit": ("The audit.", {"gaps": commands_store.audit_gaps}),
    "bench": ("What this machine gives.", {"queries": commands_bench.bench_queries}),
    "feedback": ("What users judged.", {"export": commands_feedback.feedback_export}),
    "governance": (
        "The log of governed actions.",
        {"export": commands_governance.governance_export, "verify": commands_governance.governance_verify},
    ),
    "dlq": (
        "Dead letters.",
        {"list": commands_log.dlq_list, "show": commands_log.dlq_show, "replay": commands_log.dlq_replay},
    ),
    "events": ("The log.", {"replay": commands_log.events_replay}),
    "drift": (
        "Drift detectors, and decisions about what they found.",
        {
            "status": commands_drift.status,
            "quality": commands_quality.drift_quality,
            "fleet": commands_quality.drift_fleet,
            "clusters": commands_drift.clusters,
            "replay": commands_replay.drift_replay,
            "accept": commands_drift.accept,
            "dismiss": commands_drift.dismiss,
            "skew-reference": commands_drift.skew_reference,
        },
    ),
    "alert": (
        "Alerts, their deliveries and silences.",
        {
            "list": commands_alerts.alert_list,
            "rules": commands_alerts.alert_rules,
            "readings": commands_alerts.alert_readings,
            "deliveries": commands_alerts.alert_deliveries,
            "resend": commands_alerts.alert_resend,
            "test": commands_alerts.alert_test,
        },
    ),
    "alert silence": (
        "Silences: whom not to tell of what, until when.",
        {
            "add": commands_alerts.silence_add,
            "list": commands_alerts.silence_list,
            "expire": commands_alerts.silence_expire,
        },
    ),
    "keys": (
        "API keys.",
        {"create": commands_watch.keys_create, "list": commands_watch.keys_list, "revoke": commands_watch.keys_revoke},
    ),
    "secrets": ("Secrets of the production shape.", {"init": commands_watch.secrets_init}),
    "topics": ("Kafka topics.", {"create": commands_watch.topics_create}),
    "config": ("Settings of this command line.", {"show": commands_watch.config_show}),
}

groups: dict[str, typer.Typer] = {"": app}
for name, (description, commands) in GROUPS.items():
    groups[name] = typer.Typer(help=description, no_args_is_help=True, rich_markup_mode=None)
    for command, body in commands.items():
        groups[name].command(command)(body)
    parent, _, own = name.rpartition(" ")
    groups[parent].add_typer(groups[name], name=own)


def main() -> None:
    """Run the command line; errors become one message and a documented exit code."""
    adopt(of_command_line(os.environ))
    try:
        app()
    except CliError as error:
        if "--json" in sys.argv:
            emit_json(error_document(error))
        else:
            say(f"weir: {error.message}" + (f"\n  try: {error.hint}" if error.hint else ""))
        sys.exit(error.code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
