"""CPU time that a call costs the sink, by how its inserts are cut: `PYTHONPATH=tests python -m bench.sink_cost`.

Calls come at an even rate, as the drain sends them: three events each, over four partitions of three topics. What came goes into
an engine of this process by the product's own inserter, views and merges included, in the sink's rounds. `apart` inserts each
partition by itself after each look, as the sink once did; `together` the partitions of a topic in one insert; `rests` does so
after the rest that `Pace` asks for, as the sink does. No Kafka takes part. The age of a call is the time from its coming until
the last of its rows is inserted. Plays of the three kinds are interleaved; medians are printed.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
        kinds = {"apart": (0.0, False), "together": (0.0, True), "rests": (settings.rest_max_s, True)}
        player.play(max(RATES), 0.0, is_together=True)  # caches are warm
        for rate in RATES:
            rounds = [
                {kind: player.play(rate, rest_s, is_together=together) for kind, (rest_s, together) in kinds.items()}
                for _ in range(ROUNDS)
            ]
            for kind in kinds:
                print(_line(rate, kind, rounds))
        store.close()
    return 0


class Player:
    """Plays traffic into one store."""

    def __init__(self, store: Store, bodies: Bodies, flush_s: float) -> None:
        self._store, self._bodies, self._flush_s = store, bodies, flush_s
        self._inserter = Inserter(store, Schemas())
        self._first = 0
        """First offset of a play: no token comes twice."""

    def play(self, rate: int, rest_max_s: float, *, is_together: bool) -> Play:
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
            inserts += self._insert(done, come, is_together=is_together)
            ended_s = time.monotonic()
            pace.note_inserts(begun_s, ended_s)
            ages_s += [ended_s - start_s - number / rate for number in range(done, come)]
            done = come
        self._first += done
        return Play((time.process_time() - cpu_s) * 1e6 / done, inserts, ages_s)

    def _insert(self, done: int, come: int, *, is_together: bool) -> int:
        """Insert the calls of these numbers. Returns the count of inserts."""
        groups = [tuple(range(PARTITIONS))] if is_together else [(number,) for number in range(PARTITIONS)]
        return sum(self._insert_of(topic, done, come, group) for topic in self._bodies for group in groups)

    def _insert_of(self, topic: str, done: int, come: int, partitions: tuple[int, ...]) -> int:
        of = {partition: range(done + partition, come, PARTITIONS) for partition in partitions}
        ranges = tuple(
            OffsetRange(topic, partition, self._first + numbers[0], self._first + numbers[-1], "bench")
            for partition, numbers in of.items()
            if numbers
        )
        bodies = [
            Body(number, SCHEMA_IDS[topic], self._bodies[topic][number], 0, partition)
            for partition, numbers in of.items()
            for number in numbers
        ]
        if not ranges:
            return 0
        if self._inserter.insert(ranges, bodies, lambda _: False) != []:
            raise RuntimeError(f"the store did not take {ranges}")
        return 1


def _line(rate: int, kind: str, rounds: Sequence[Mapping[str, Play]]) -> str:
    plays = [plays[kind] for plays in rounds]
    ages_s = sorted(age for play in plays for age in play.ages_s)
    p50_s, p99_s = ages_s[len(ages_s) // 2], ages_s[len(ages_s) * 99 // 100]
    cpu_us = statistics.median(play.cpu_us for play in plays)
    ratio = statistics.median(plays[kind].cpu_us / plays["apart"].cpu_us for plays in rounds)
    inserts = statistics.median(play.inserts for play in plays) / SECONDS
    return (
        f"{rate:4} calls/s {kind:8} {cpu_us:8.0f} us a call {ratio:6.2f} of apart {inserts:6.1f} inserts/s"
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
