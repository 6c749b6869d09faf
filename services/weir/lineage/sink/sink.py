"""The sink: every topic into its table, in exact offset ranges, without decoding.

One round: consume for a moment; unless the sink rests (`core.pace`), commit each partition's range as intent (the offset
stays); insert the ranges of each topic together under a token made of them; commit the offsets. A crash anywhere leaves either
the intents, and their ranges are read again and inserted under the same token, or nothing, and they are consumed anew. The
intent commit is also the fence: a member that lost its partitions cannot commit one, and does not insert.

A topic that was made anew under a kept store begins at its beginning: commits and tokens carry the topic's id, and a commit
about another id is about another log. The ids are asked for at each assignment and every few seconds.

Whatever goes wrong between the sink and the group (a refused commit, a fenced member, a broker that came back without
the session) has one answer: forget what is held and join again. All state that matters is in Kafka and in the store.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from weir.events.log import OffsetRange, RawMessage, TopicPartition
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.backlog import Backlog
from weir.lineage.sink.commit import Commits, MembershipLost
from weir.lineage.sink.core.client_call import ClientCall
from weir.lineage.sink.core.intent import Ranges, done, intent, intent_of, together, topic_of
from weir.lineage.sink.core.pace import Pace
from weir.lineage.sink.core.stall import Stall
from weir.lineage.sink.core.starvation import Starvation
from weir.lineage.sink.core.waiting import Waiting
from weir.lineage.sink.group import Kept, join
from weir.lineage.sink.rereading import read_again
from weir.lineage.sink.storing import Storing
from weir.lineage.store.metrics import ANEW, REBUILT, REJOINED, REST_S, STALLED, STARVED
from weir.runtime.errors import TooManyRejects
from weir.runtime.halt import record_halt
from weir.runtime.kafka.handling import note_lag
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.process import end_at_once
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import BATCH_MESSAGES, MESSAGES

REJOIN_S = 0.5
"""Seconds between losing the membership and joining again. Chosen: no hot loop while the broker is starting."""

IDENTITY_EVERY_S = 5.0
"""Seconds between two looks at the topics' ids. Chosen: what is stored of a topic made anew before a look is read once more,
and a look costs milliseconds."""

STARVED_S = 30.0
"""Seconds that a partition may stand still with more behind it. Chosen: three sessions; a member that comes anew reads nothing
twice into the store, so being wrong costs a second."""

ENDS_EVERY_S = 10.0
"""Seconds between two looks at the ends of the log: one request each, on a connection of its own. A third of the limit above."""

IDENTITY_TIMEOUT_S = 10.0
"""Seconds for the answer. Chosen: a busy broker answers in one; the sink's thread waits, its heartbeat does not."""

COMMITTED_TIMEOUT_S = 30
"""Seconds the broker has for the answer about committed offsets; then the membership is given up. Three sessions of 10 s, as for
a commit: arbitrary, any value from one session to the 300 s between two polls would do."""


CLIENT_CALL_S = 60.0
"""Seconds that one call of the Kafka client may take before it hangs. The longest that keeps its limits is an assignment: 10 s
for the topics' ids and 30 for the committed offsets."""

WATCH_EVERY_S = 1.0
"""Seconds between two looks at that call. Arbitrary: any value that is short against the limit would do."""

HUNG_EXIT_CODE = 70
"""How a process ends whose Kafka client hangs: EX_SOFTWARE of sysexits.h, a fault inside the program."""


class Sink:
    """Runs in a thread of its own."""

    def __init__(self, settings: LineageSettings, storing: Storing) -> None:
        self._settings = settings
        self._storing = storing
        self._stop = threading.Event()
        self._waiting = Waiting()
        self._pace = Pace(settings.rest_max_s)
        self._topic_ids = TopicIds(settings.kafka_bootstrap, IDENTITY_TIMEOUT_S)
        self._ids: dict[str, str] = {}
        self._looked_s = 0.0
        self._backlog = Backlog(settings)
        self._next: dict[TopicPartition, int] = {}
        self._announced: dict[TopicPartition, Ranges] = {}
        """Ranges that an intent of the partition names and that may not be stored; they are inserted before anything else."""
        self._starvation = Starvation(STARVED_S)
        self._ends_seen_s = 0.0
        self._stall = Stall(settings.stall_s)
        self._call = ClientCall(CLIENT_CALL_S)
        self.is_ready = False
        self.halted_by = ""
        """Why the limit of dead letters stopped the sink; empty while it works."""

    def stalled(self) -> str:
        """Why nothing is stored any more although there is something to store; empty while there is progress."""
        self._stall.why = self._storing.waits_for
        reason = self._stall.reason(time.monotonic())
        STALLED.set(bool(reason))
        return reason

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; finishes the round in flight. Raises what the thread raised.

        Ends the process when the Kafka client hangs: what was not committed is read again, as after a crash.
        """
        work = asyncio.create_task(asyncio.to_thread(self._consume))
        waiting = asyncio.create_task(stop.wait())
        while not work.done():
            await asyncio.wait({work, waiting}, timeout=WATCH_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                self._stop.set()
                await asyncio.wait({work}, timeout=WATCH_EVERY_S)
            if hung := self._call.hangs(time.monotonic()):
                logger().error("kafka_client_hangs", call=hung, hint="the process ends; its supervisor starts it again")
                end_at_once(HUNG_EXIT_CODE)
        waiting.cancel()
        await work

    def _consume(self) -> None:
        while not self._stop.is_set():
            self._waiting = Waiting()
            try:
                self._as_member()
            except TooManyRejects as error:
                self.halted_by = str(error)
                record_halt(self._settings.group, error)
                self._call.leave()
                self._stop.wait()
            except (MembershipLost, KafkaException) as error:
                REJOINED.inc()
                logger().warning("membership_lost", error=str(error))
                self._stop.wait(REJOIN_S)
        self._call.leave()

    def _as_member(self) -> None:
        commits = Commits(self._call)
        self._next, self._starvation, self._announced = {}, Starvation(STARVED_S), {}
        self._pace = Pace(self._settings.rest_max_s)
        self._call.enter("join", time.monotonic())
        consumer = join(self._settings, self._assign, self._revoke, commits.take_answer)
        try:
            while not self._stop.is_set():
                self._round(consumer, commits)
        finally:
            self.is_ready = False
            self._call.enter("close", time.monotonic())
            consumer.close()

    def _assign(self, consumer: Any, partitions: Sequence[KafkaPartition]) -> None:
        self._waiting.forget(map(_topic_partition, partitions))
        self._ids.update(self._topic_ids.of(one.topic for one in partitions))
        committed = consumer.committed(list(partitions), timeout=COMMITTED_TIMEOUT_S)
        self._next |= {_topic_partition(one): max(one.offset, 0) for one in committed}
        consumer.incremental_assign([self._start(one) for one in committed])
        self.is_ready = True

    def _start(self, committed: KafkaPartition) -> KafkaPartition:
        """Where to read a partition from; remembers the ranges that are to be inserted again."""
        topic, partition = topic_partition = _topic_partition(committed)
        of, now = topic_of(committed.metadata), self._ids.get(topic, "")
        if of and now and of != now:
            ANEW.inc()
            logger().warning("topic_made_anew", topic=topic, partition=partition, was=of, now=now)
            self._next[topic_partition] = 0
            return KafkaPartition(topic, partition, OFFSET_BEGINNING)
        ranges = intent_of(topic_partition, committed.metadata, committed.offset)
        if not ranges:
            return KafkaPartition(topic, partition)
        self._announced[topic_partition] = ranges
        return KafkaPartition(topic, partition, _of(ranges, partition).end)

    def _look_at_ids(self) -> None:
        """Give the membership up when a topic is another one than at the assignment."""
        if time.monotonic() - self._looked_s < IDENTITY_EVERY_S:
            return
        try:
            found = self._topic_ids.of(self._ids)
        except KafkaException as error:
            logger().warning(
                "topic_ids_unknown", error=str(error)
            )  # a broker that is away: asked again at the next look
            return
        finally:
            self._looked_s = time.monotonic()
        anew = sorted(topic for topic, now in found.items() if now != self._ids[topic])
        if anew:
            raise MembershipLost(f"made anew: {', '.join(anew)}")

    def _look_at_ends(self) -> None:
        """Give the membership up when it reads nothing of a partition that has more."""
        now_s = time.monotonic()
        if now_s - self._ends_seen_s < ENDS_EVERY_S:
            return
        self._ends_seen_s = now_s
        try:
            ends = self._backlog.ends()
            starved = self._starvation.starved(self._next or self._of_the_group(ends), ends, now_s)
            begins = self._backlog.begins() if starved else {}
        except KafkaException as error:
            logger().warning("ends_unknown", error=str(error))  # a broker that is away: asked again at the next look
            return
        named = [str(one) for one in starved if ends[one] > begins.get(one, 0)]
        if named:
            STARVED.inc()
            raise MembershipLost(f"nothing was read for {STARVED_S:.0f} s of what has more: {', '.join(named)}")

    def _of_the_group(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Where the group stands, as far as no other member reads. A member without partitions looks at it: it may be idle
        because the others have them all, whatever keeps these from storing, or because the client never finished joining."""
        others, committed = self._backlog.of_others(), self._backlog.committed()
        return {one: committed.get(one, 0) for one in ends if one not in others}

    def _revoke(self, _: Any, revoked: Sequence[KafkaPartition]) -> None:
        partitions = [_topic_partition(one) for one in revoked]
        for one in partitions:
            self._next.pop(one, None)
            self._announced.pop(one, None)
        self._waiting.forget(partitions)

    def _round(self, consumer: Any, commits: Commits) -> None:
        self._call.enter("consume", time.monotonic())
        room = max(1, self._settings.batch_messages_max - self._waiting.messages)
        for message in consumer.consume(room, self._settings.flush_s):
            self._take(message)
        self._call.enter("look", time.monotonic())
        self._look_at_ids()
        self._look_at_ends()
        if not self._finish_announced(consumer, commits) or self._rests():
            return
        batches = self._waiting.due()
        if not batches:
            self._stall.end()
            return
        self._stall.begin(time.monotonic())
        groups = list(together(self._range(batch) for batch in batches.values()))
        intents = [
            KafkaPartition(*one.topic_partition, one.first, metadata=intent(one, ranges))
            for ranges in groups
            for one in ranges
        ]
        self._commit(consumer, commits, intents)
        begun_s = time.monotonic()
        with Kept(consumer, self._call, self._stop, self._take) as kept:
            for ranges in groups:
                if not self._storing.store(ranges, [batches[one.topic_partition] for one in ranges], kept.wait):
                    return
        REST_S.set(self._pace.note_inserts(begun_s, time.monotonic()))
        self._commit_ends(consumer, commits, [one for ranges in groups for one in ranges])
        self._stall.end()
        self._count(consumer, batches)

    def _finish_announced(self, consumer: Any, commits: Commits) -> bool:
        """Insert again what an intent names and may not be stored. False when a stop was asked for before the end."""
        while self._announced:
            ranges = next(iter(self._announced.values()))
            REBUILT.inc()
            logger().info("intent_found", ranges=[f"{one.topic_partition} {one.first}-{one.last}" for one in ranges])
            self._stall.begin(time.monotonic())
            self._call.leave()
            with Kept(consumer, self._call, self._stop, self._take) as kept:
                messages = read_again(self._settings, ranges, _raw, self._call, partial(self._await_log, kept))
                if messages is None:
                    return False
                batches = [[one for one in messages if one.partition == offsets.partition] for offsets in ranges]
                if not self._storing.store(ranges, batches, kept.wait):
                    return False
            mine = [one for one in ranges if self._announced.get(one.topic_partition) == ranges]
            if mine:  # else another member has them by now, and finds the intent
                self._commit_ends(consumer, commits, mine)
            for one in mine:
                self._announced.pop(one.topic_partition, None)
            self._stall.end()
        return True

    def _await_log(self, kept: Kept, seconds: float) -> bool:
        """Wait for what the log does not hold yet. Raises MembershipLost when it is another topic's by now."""
        self._look_at_ids()
        return kept.wait(seconds)

    def _commit_ends(self, consumer: Any, commits: Commits, ranges: Sequence[OffsetRange]) -> None:
        """These ranges are stored."""
        ends = [KafkaPartition(*one.topic_partition, one.end, metadata=done(one.topic_id)) for one in ranges]
        self._commit(consumer, commits, ends)
        self._next |= {one.topic_partition: one.end for one in ranges}

    def _commit(self, consumer: Any, commits: Commits, partitions: Sequence[KafkaPartition]) -> None:
        self._call.enter("commit", time.monotonic())
        commits.commit(consumer, partitions, self._take)
        self._call.leave()  # an insert has no limit here: `stalled` says how long it takes; `Kept` tells its own calls

    def _rests(self) -> bool:
        """Whether what is held waits for more: never a full round, and never a stop."""
        waiting, limits = self._waiting, self._settings
        is_full = waiting.messages >= limits.batch_messages_max or waiting.bytes >= limits.queue_bytes_max
        return not is_full and not self._stop.is_set() and self._pace.rests(time.monotonic())

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._waiting.add(_raw(message))
        elif error.fatal():
            raise MembershipLost(error.str())
        else:
            logger().warning("consume_error", error=error.str())

    def _range(self, batch: Sequence[RawMessage]) -> OffsetRange:
        first, last = batch[0], batch[-1]
        return OffsetRange(first.topic, first.partition, first.offset, last.offset, self._ids.get(first.topic, ""))

    def _count(self, consumer: Any, batches: Mapping[TopicPartition, list[RawMessage]]) -> None:
        group = self._settings.group
        for (topic, partition), batch in batches.items():
            MESSAGES.labels(group, topic).inc(len(batch))
            BATCH_MESSAGES.labels(group).observe(len(batch))
            _, high = consumer.get_watermark_offsets(KafkaPartition(topic, partition), cached=True)
            note_lag(group, topic, partition, batch[-1].offset + 1, high)


def _of(ranges: Ranges, partition: int) -> OffsetRange:
    return next(one for one in ranges if one.partition == partition)


def _topic_partition(one: KafkaPartition) -> TopicPartition:
    return TopicPartition(str(one.topic), int(one.partition))


def _raw(message: Message) -> RawMessage:
    return RawMessage(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        _bytes(message.key()),
        _bytes(message.value()),
        message.timestamp()[1] * 1_000,
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
