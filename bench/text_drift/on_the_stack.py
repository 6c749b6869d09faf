"""`python -m bench.text_drift.on_the_stack`: 20,000 steady events of real text, then a change, on the running stack.

From the log on, everything is the product: the drift service with its checkpoints, the alerts service, a webhook whose
signature the stock library verifies. The events are the first base's texts with their real MiniLM embeddings (random
draws of a pool that the reference does not overlap), written as feature envelopes: embedding 20,000 texts anew would take
a CPU ten minutes and change nothing. Prints what paged before the change (the promise: one page in 100,000 events), how
many events and seconds after it the webhook came, and what the alert says. Exit code 1 when a page came before the change
or no webhook after it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from confluent_kafka import Producer
from rich.console import Console

from demo.receiver import Receiver, new_secret, receiving
from harness.stack.running_stack import RunningStack, apply_examples
from harness.waiting import eventually
from weir.cli.stack import start_stack, stop_stack
from weir.cli.stack.layout import layout, repository
from weir.cli.stack.secrets import write_private
from weir.events import FeatureItem, TextFeaturesComputed, encode_body, frame, named_id
from weir.inference.core.statistics import features_of

from .embeddings import FOLDER, EmbeddedCorpus
from .measure import load

HOME = repository() / ".weir" / "bench" / "drift-stack"
RESULTS = FOLDER / "on_the_stack.json"
TENANT, ROUTE = "demo", "steady"
REFERENCE, STEADY, SHIFTED, ENVELOPE = 1_000, 20_000, 200, 50
"""Events of the reference (as the embedded stack sets it), watched before and after the change; items of an envelope."""

CHANGE = "far"
"""Pool of the changed traffic."""


def main() -> int:
    """Run and print. Returns the exit code."""
    out = Console(width=140)
    corpus = load("first", out)
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    with receiving(new_secret()) as receiver:
        place = layout(HOME)
        place.make()
        write_private(place.secrets / "demo-webhook.secret", receiver.secret + "\n")
        start_stack(HOME, None, receiver.url)
        try:
            stack = RunningStack(HOME)
            apply_examples(stack)
            told = _run(stack, corpus, receiver, out)
        finally:
            stop_stack(HOME)
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")
    for name, value in told.items():
        out.print(f"  {name:28} {value}", highlight=False, markup=False)
    return 0 if told["pages_before"] == 0 and told["webhook_verified"] else 1


def _run(stack: RunningStack, corpus: EmbeddedCorpus, receiver: Receiver, out: Console) -> dict[str, Any]:
    dice = np.random.default_rng(20)
    base = dice.permutation(corpus.rows("base"))
    rows = np.concatenate([base[:REFERENCE], dice.choice(base[REFERENCE:], STEADY)])
    started_s = time.monotonic()
    _publish(stack, corpus, rows, 0)
    eventually(lambda: _events_seen(stack) >= rows.size, within_s=540, what="the steady traffic watched")
    steady_s = time.monotonic() - started_s
    fired = f"tenant = '{TENANT}' AND route = '{ROUTE}' AND state = 'fired' AND level = "
    before = {level: stack.count("v_drift_signals", f"{fired}'{level}'") for level in ("page", "warn")}
    webhooks_before = len(receiver.deliveries)
    out.print(f"steady traffic watched in {steady_s:.0f} s: {before}")
    shift_s = time.monotonic()
    _publish(stack, corpus, dice.choice(corpus.rows(CHANGE), SHIFTED), rows.size)
    eventually(lambda: len(receiver.deliveries) > webhooks_before, within_s=120, what="a webhook after the change")
    delivery = receiver.deliveries[webhooks_before]
    stack.until_count("v_drift_signals", f"{fired}'page'", before["page"] + 1)
    ((index, part),) = stack.sql(
        f"SELECT event_index, part FROM v_drift_signals WHERE {fired}'page' ORDER BY event_index DESC LIMIT 1"
    )
    return {
        "steady_events": STEADY,
        "steady_seconds": round(steady_s, 1),
        "pages_before": before["page"],
        "warnings_before": before["warn"],
        "webhooks_before": webhooks_before,
        "change": f"{CHANGE} 100 %",
        "shift_at_event": int(rows.size) + 1,
        "fired_at_event": int(index),
        "fired_after_events": int(index) - int(rows.size),
        "part": part,
        "shift_to_webhook_seconds": round(delivery.at_s - shift_s, 2),
        "webhook_verified": delivery.verified,
        "alert_says": {key: text[:300] for key, text in delivery.alerts[0]["annotations"].items()},
    }


def _events_seen(stack: RunningStack) -> int:
    streams = stack.get(stack.endpoints.drift_url, "/v1/streams")["items"]
    return max((int(one["events"]) for one in streams if one["route"] == ROUTE), default=0)


def _publish(
    stack: RunningStack, corpus: EmbeddedCorpus, rows: Sequence[int] | np.ndarray[Any, Any], start: int
) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "acks": "all", "log_level": 2})
    schema_id = stack.schema_id("text-features")
    for envelope in _envelopes(corpus, rows, start):
        value = frame(schema_id, encode_body(envelope))
        producer.produce("text-features", key=f"{TENANT}/{ROUTE}", value=value)
        producer.poll(0)
    assert producer.flush(120) == 0


def _envelopes(
    corpus: EmbeddedCorpus, rows: Sequence[int] | np.ndarray[Any, Any], start: int
) -> Iterator[TextFeaturesComputed]:
    now_us = time.time_ns() // 1_000
    for first in range(0, len(rows), ENVELOPE):
        seq = (start + first) // ENVELOPE
        items = tuple(
            _item(corpus, int(row), now_us, start + first + place)
            for place, row in enumerate(rows[first : first + ENVELOPE])
        )
        yield TextFeaturesComputed(
            event_id=named_id(now_us, f"steady envelope {seq}"),
            source="steady/1",
            boot_epoch=1,
            seq=seq,
            tenant=TENANT,
            trace_id="",
            span_id="",
            parent_span_id="",
            event_time_us=now_us,
            route=ROUTE,
            embedding_model="minilm",
            embedding_dimensions=384,
            items=items,
        )


def _item(corpus: EmbeddedCorpus, row: int, now_us: int, number: int) -> FeatureItem:
    return FeatureItem(
        response_event_id=named_id(now_us, f"steady completed {number}"),
        request_id=named_id(now_us, f"steady {number}"),
        session_id="",
        trace_id="",
        event_time_us=now_us + number,
        outcome="ok",
        latency_ms=100.0,
        inclusion_probability=1.0,
        prompt=features_of(corpus.texts[row], corpus.vectors[row]),
        answer=features_of(""),
        references=(),
        release_digest="",
    )


if __name__ == "__main__":
    sys.exit(main())
