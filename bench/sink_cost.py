"""CPU time that a call costs the sink, with and without its rests: `PYTHONPATH=tests python -m bench.sink_cost`.

Calls come at an even rate, as the drain sends them: three events each, over four partitions of three topics. What came goes into
an engine of this process by the product's own inserter, views and merges included, in the sink's rounds: at once after each
look (`rest 0`), or after the rest that `Pace` asks for. No Kafka takes part. A call's age is the time from its coming until
the last of its rows is inserted. Plays with and without rests are interleaved; medians are printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from weir.capture.spool_reader import SpoolReader
from weir.events import SCHEMA_JSON, TOPICS
from weir.events.log import OffsetRange
from weir.gateway.core.reading import read
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.message import Body
from weir.lineage.sink.core.pace import Pace
from weir.lineage.sink.inserter import Inserter, WriterSchema
from weir.lineage.store.migrate import migrate
from weir.lineage.store.store import Store

from .spool_fill import fill

RATES = (20, 100, 300)
"""Calls a second. Chosen: what two cores take beside the rest of the stack."""
SECONDS = 6.0
"""Length of a play. Arbitrary; any value from 5 to 60 would do: some rests at their limit."""
ROUNDS = 3
"""Plays of each kind, of which the median counts. Arbitrary; any value from 3 to 20 would do."""
PARTITIONS = 4
LIMITS = {"text_chars_max": 65_536, "message_bytes_max": 4_194_304}
"""The product's defaults."""
SCHEMA_IDS = {topic: number for number, topic in enumerate(TOPICS, start=1)}

Bodies = Mapping[str, list[bytes]]
"""Avro bodies by topic, one a call."""


@dataclass(frozen=True, slots=True)
class Play:
    """What one play cost."""

    cpu_us: float
    """Of a call."""
    inserts: int
    ages_s: list[float]


class Schemas:
    """The schemas of this checkout, under ids of the bench."""

    def schema_of(self, schema_id: int) -> WriterSchema:
        """The schema of an id."""
        event = TOPICS[next(topic for topic, number in SCHEMA_IDS.items() if number == schema_id)].event
        return WriterSchema(event, {}, SCHEMA_JSON[event])


def main() -> int:
    """Print the table. Returns the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bodies = _bodies(folder, int(max(RATES) * SECONDS))
        settings = LineageSettings(data_dir=folder / "data")
        store = Store(settings)
        migrate(store)
        player = Player(store, bodies, settings.flush_s)
        player.play(max(RATES), 0.0)  # caches are warm
        for rate in RATES:
            pairs = [(player.play(rate, 0.0), player.play(rate, settings.rest_max_s)) for _ in range(ROUNDS)]
            for label, plays in zip(("rest 0", f"rest {settings.rest_max_s:g}"), zip(*pairs, strict=True), strict=True):
                print(_line(rate, label, plays))
            print(f"{'':12}ratio {statistics.median(rests.cpu_us / none.cpu_us for none, rests in pairs):.2f}")
        store.close()
    return 0


class Player:
    """Plays traffic into one store."""

    def __init__(self, store: Store, bodies: Bodies, flush_s: float) -> None:
        self._store, self._bodies, self._flush_s = store, bodies, flush_s
        self._inserter = Inserter(store, Schemas())
        self._first = 0
        """First offset of a play: no token comes twice."""

    def play(self, rate: int, rest_max_s: float) -> Play:
        """So many calls a second for SECONDS, into empty tables."""
        for topic in self._bodies:
            self._store.command(f"TRUNCATE TABLE {topic.replace('-', '_')}")
        pace, pause, done, inserts = Pace(rest_max_s), threading.Event(), 0, 0
        ages_s: list[float] = []
        cpu_s, start_s = time.process_time(), time.monotonic()
        while done < rate * SECONDS:
            pause.wait(self._flush_s)
            begun_s = time.monotonic()
            come = min(int((begun_s - start_s) * rate), int(rate * SECONDS))
            if come == done or pace.rests(begun_s):
                continue
            inserts += self._insert(done, come)
            ended_s = time.monotonic()
            pace.note_inserts(begun_s, ended_s)
            ages_s += [ended_s - start_s - number / rate for number in range(done, come)]
            done = come
        self._first += done
        return Play((time.process_time() - cpu_s) * 1e6 / done, inserts, ages_s)

    def _insert(self, done: int, come: int) -> int:
        count = 0
        for topic, bodies in self._bodies.items():
            for partition in range(PARTITIONS):
                numbers = range(done + partition, come, PARTITIONS)
                if not numbers:
                    continue
                offsets = OffsetRange(topic, partition, self._first + numbers[0], self._first + numbers[-1], "bench")
                block = [Body(number, SCHEMA_IDS[topic], bodies[number]) for number in numbers]
                if self._inserter.insert(offsets, block, lambda _: False) != []:
                    raise RuntimeError(f"the store did not take {offsets}")
                count += 1
        return count


def _line(rate: int, label: str, plays: tuple[Play, ...]) -> str:
    ages_s = sorted(age for play in plays for age in play.ages_s)
    p50_s, p99_s = ages_s[len(ages_s) // 2], ages_s[len(ages_s) * 99 // 100]
    cpu_us = statistics.median(play.cpu_us for play in plays)
    inserts = statistics.median(play.inserts for play in plays) / SECONDS
    return (
        f"{rate:4} calls/s {label:8} {cpu_us:8.0f} us a call {inserts:6.1f} inserts/s"
        f"  age p50 {p50_s:5.2f} s  p99 {p99_s:5.2f} s"
    )


def _bodies(folder: Path, calls: int) -> Bodies:
    found: dict[str, list[bytes]] = defaultdict(list)
    fill(folder / "spool", source="gateway/bench", calls=calls, bytes_max=1_073_741_824)
    for payloads in _pieces(folder / "spool"):
        for one in read(payloads, **LIMITS):
            for topic, _, body in one.messages:
                found[topic].append(body)
    return found


def _pieces(spool: Path) -> Iterator[list[bytes]]:
    reader = SpoolReader(spool)
    while (piece := reader.read()) is not None:
        yield list(piece.payloads)
        reader.acknowledge(piece)


if __name__ == "__main__":
    sys.exit(main())
