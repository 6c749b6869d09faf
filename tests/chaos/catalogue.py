"""All faults by name: in full, as `make chaos` injects them, and in short, as `make test` does with those that are quick.

Faults of the store have a load of their own and need none of the stack's consumers; in full they come last, with those
consumers stopped, so that two cores are left for what is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaos.faults import (
    broker,
    clickhouse,
    clients,
    clocks,
    consumers,
    derivers,
    gateway,
    hostile,
    model_server,
    neighbour,
    poison,
    rules,
    schemas,
    sink,
    spool,
    stores,
    supervisor,
)
from harness.accounts.ledger import Row
from harness.stack.running_stack import RunningStack

Fault = Callable[[RunningStack], Row]

OUTAGE_S = 300.0
"""Seconds of the long outage of the store; what the promise names."""

FROZEN_S = 60.0
"""Seconds the broker is frozen; what the promise names."""

OF_CALLS: Mapping[str, Fault] = {
    "gateway-killed": lambda stack: gateway.killed_in_calls(stack, 10),
    "gateway-killed-streams": lambda stack: gateway.killed_in_streams(stack, 18),
    "drain-killed": lambda stack: gateway.drain_killed(stack, 10),
    "loop-stalled": lambda stack: gateway.loop_stalled(stack, 2),
    "rolling-restart": lambda stack: gateway.rolling_restart(stack, 6),
    "spool-full-reject": lambda stack: spool.outlived(stack, "reject"),
    "spool-full-shed": lambda stack: spool.outlived(stack, "shed"),
    "spool-disk-full-reject": lambda stack: spool.disk_full(stack, "reject"),
    "spool-disk-full-shed": lambda stack: spool.disk_full(stack, "shed"),
    "spool-torn": spool.torn,
    "spool-corrupt": spool.corrupt,
    "spool-sync-refused": lambda stack: spool.sync_refused(stack, 3),
    "second-owner": stores.owned,
    "broker-restarted": lambda stack: broker.restarted(stack, 2),
    "broker-killed": lambda stack: broker.killed(stack, 2),
    "broker-frozen": lambda stack: broker.frozen(stack, FROZEN_S),
    "broker-gone-reject": lambda stack: broker.outlives_spool(stack, "reject"),
    "broker-gone-shed": lambda stack: broker.outlives_spool(stack, "shed"),
    "broker-connections-reset": lambda stack: broker.connection_bad(stack, "reset", 5),
    "broker-half-open": lambda stack: broker.connection_bad(stack, "silent", 20),
    "supervisor-killed": lambda stack: supervisor.killed(stack, 1),
    "triton-killed": lambda stack: model_server.killed(stack, 2),
    "triton-crashed-streams": lambda stack: model_server.crashed_in_streams(stack, 3),
    "triton-hanging": model_server.hanging,
    "triton-overloaded": lambda stack: model_server.overloaded(stack, 5),
    "hostile-calls": lambda stack: hostile.hostile_calls(stack, 5),
    "clients-gone": lambda stack: clients.disconnected(stack, 200),
    "client-slow": clients.slow_reader,
    "neighbour": lambda stack: neighbour.misbehaving(stack, 1_000),
    "evaluator-killed": lambda stack: consumers.evaluator_killed(stack, 4),
    "drift-killed": lambda stack: consumers.drift_killed(stack, 5),
    "inference-killed": lambda stack: derivers.inference_killed(stack, 4),
    "alerts-killed": lambda stack: derivers.alerts_killed(stack, 4),
    "rule-edited": lambda stack: rules.edited_while_firing(stack, 10),
    # After the replays: they begin at a time, and this fault writes messages from an hour ahead.
    "clock-jumps": clocks.jumped,
    "clock-behind": clocks.behind,
}
"""With calls of clients through the stack."""

OF_STORE: Mapping[str, Fault] = {
    "clickhouse-killed": lambda stack: clickhouse.killed(stack, 5),
    "clickhouse-gone": lambda stack: clickhouse.gone(stack, OUTAGE_S, 100_000),
    "clickhouse-slow": clickhouse.slow,
    "clickhouse-disk-full": lambda stack: clickhouse.disk_full(stack, 3),
    "clickhouse-answers-lost": lambda stack: clickhouse.answers_lost(stack, 5),
    "clickhouse-connections-reset": lambda stack: clickhouse.connections_reset(stack, 5),
    "clickhouse-half-open": clickhouse.half_open,
    "sink-killed": lambda stack: sink.killed(stack, 50, 50_000),
    "sink-paused": lambda stack: sink.owner_paused(stack, 2),
    "sink-too-slow": lambda stack: sink.too_slow(stack, 2),
    "rebalance-storm": lambda stack: sink.rebalance_storm(stack, 10),
    "registry-down": sink.registry_down,
    "schemas-evolved": lambda stack: schemas.evolved(stack, 900),
    "poison-some": lambda stack: poison.some(stack, 50),
    "poison-all": lambda stack: poison.all_of_them(stack, 2_000),
}
"""With a direct load and a store of their own."""

FULL: Mapping[str, Fault] = {**OF_CALLS, **OF_STORE}

SHORT: Mapping[str, Fault] = {
    "gateway-killed-streams": lambda stack: gateway.killed_in_streams(stack, 3),
    "rolling-restart": lambda stack: gateway.rolling_restart(stack, 2),
    "spool-full-reject": lambda stack: spool.outlived(stack, "reject"),
    "spool-full-shed": lambda stack: spool.outlived(stack, "shed"),
    "spool-torn": spool.torn,
    "spool-corrupt": spool.corrupt,
    "triton-crashed-streams": lambda stack: model_server.crashed_in_streams(stack, 1),
    "hostile-calls": lambda stack: hostile.hostile_calls(stack, 1),
    "clients-gone": lambda stack: clients.disconnected(stack, 40),
    "neighbour": lambda stack: neighbour.misbehaving(stack, 100, percentile=None),
    "rule-edited": lambda stack: rules.edited_while_firing(stack, 2),
    "clickhouse-answers-lost": lambda stack: clickhouse.answers_lost(stack, 1),
    "sink-killed": lambda stack: sink.killed(stack, 3, 1_500),
    "poison-some": lambda stack: poison.some(stack, 50),
    "poison-all": lambda stack: poison.all_of_them(stack, 400),
}
