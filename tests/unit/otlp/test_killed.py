"""A receiver that is killed under load: what it acknowledged is in its spool, once under its ids, and under gapless numbers."""

from __future__ import annotations

import json
import signal
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from harness.calls.reporting import BATCH, Reporting
from harness.http.otlp_door import KEYS, events_in, key_of
from harness.stack.service_process import ServiceProcess, free_port
from harness.waiting import eventually
from weir.capture.spool_reader import SpoolReader
from weir.events.log import ProducerEpoch
from weir.otlp.core.record import unpack
from weir.runtime.clock import now_us

KILLS = 1

pytestmark = [pytest.mark.slow, pytest.mark.capability("U3")]


def test_what_was_acknowledged_before_a_kill_is_in_the_spool_once_under_its_ids(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key_of("demo", KEYS["demo"])]}))
    environment = {
        "WEIR_DATA_DIR": str(tmp_path), "WEIR_INSTANCE": "k", "WEIR_GATEWAY_KEYS_FILE": str(keys),
        "WEIR_OTLP_GRPC_PORT": str(free_port()),
    }  # fmt: skip
    receiver = ServiceProcess("otlp", [sys.executable, "-m", "weir.otlp"], environment, tmp_path / "otlp.log")
    receiver.start()
    receiver.until_ready()
    with Reporting(lambda: receiver.url, {"authorization": f"Bearer {KEYS['demo']}"}, now_us) as reporting:
        for _ in range(KILLS):
            before = len(reporting.acknowledged)
            eventually(lambda at=before: len(reporting.acknowledged) >= at + 5 * BATCH, within_s=60, what="spans taken")  # type: ignore[misc]  # bound at once
            receiver.kill(signal.SIGKILL)
            receiver.start()
            receiver.until_ready()
    receiver.kill(signal.SIGTERM)

    reader, numbers = SpoolReader(tmp_path / "otlp" / "spool-k"), dict[ProducerEpoch, list[int]]()
    ids = dict[str, set[str]]()
    while (piece := reader.read()) is not None:
        assert piece.corrupt == ()
        for record in map(unpack, piece.payloads):
            numbers.setdefault(ProducerEpoch(record.source, record.boot_epoch), []).append(record.seq)
            for event in events_in(record):
                ids.setdefault(event.span_id, set()).add(event.event_id)
        reader.acknowledge(piece)
    assert reporting.tries_failed > 0
    acknowledged = [span_id.hex() for span_id in reporting.acknowledged]
    assert len(set(acknowledged)) == len(acknowledged)
    assert {span_id: len(ids.get(span_id, ())) for span_id in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert len(set.union(*ids.values())) == len(ids), "no two spans share an id"
    assert len(numbers) == KILLS + 1
    assert all(later == earlier + 1 for seqs in numbers.values() for earlier, later in pairwise(seqs))
