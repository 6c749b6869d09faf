"""Spool records and segments: whatever bytes stand in them, every untouched record is read, and each is events or one reason."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.samples.builders import NOON_US, call, call_end
from weir.capture.frames import HEAD, SIZES
from weir.capture.spool import SpoolWriter
from weir.capture.spool_folder import segments_in
from weir.capture.spool_reader import SpoolReader
from weir.events import TOPICS, decode_body
from weir.gateway.core.reading import read
from weir.gateway.core.record import Record, pack, unpack

RECORDS = 8
"""Records of a segment that is damaged. Arbitrary: enough for neighbours on both sides."""

TEXT_CHARS_MAX = 1_000
MESSAGE_BYTES_MAX = 4_194_304
"""What consumers decode at most, as set by default."""

READS_MAX = 200
"""Looks at a folder before it counts as a hang. A damaged segment of so few records takes at most a dozen."""

ODD_VALUES: tuple[object, ...] = (
    None, True, -1, 2**31, 2**53, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf"), "", "\x00", "\ud800", "9" * 5_000,
    [], {}, [[[[]]]], "[" * 3_000, {"a": 1}, "é", "x" * 70_000,
)  # fmt: skip


def run(seed: int, cases: int) -> None:
    """Raises AssertionError with the first input that breaks the promise."""
    random_source = random.Random(seed)
    for case in range(cases):
        _payload(random_source, f"seed {seed} case {case}")
        if case % 4 == 0:
            _segment(random_source, f"seed {seed} case {case}")


def _payload(random_source: random.Random, name: str) -> None:
    payload = _odd(random_source)
    try:
        (one,) = read([payload], text_chars_max=TEXT_CHARS_MAX, message_bytes_max=MESSAGE_BYTES_MAX)
        for topic, _, body in one.messages:
            decode_body(TOPICS[topic].event, body)
    except Exception as error:
        raise AssertionError(f"{name}: {error!r} for {payload[:2_000]!r}") from error
    assert one.error is not None or one.record is not None, f"{name}: neither for {payload[:2_000]!r}"


def _odd(random_source: random.Random) -> bytes:
    """A payload with a field of another shape, or with bytes changed."""
    record = replace(
        _record(0, random_source), kind=random_source.choice(["requested", "completed", "feedback", "gap"])
    )
    payload = pack(record)[HEAD.size :]
    if random_source.random() < 0.5:
        return _changed(payload, random_source)
    size = SIZES.unpack_from(payload)[0]
    head = json.loads(payload[SIZES.size : SIZES.size + size])
    slot = head if random_source.random() < 0.5 else head[random_source.choice(["call", "end"])]
    slot[random_source.choice(sorted(slot))] = random_source.choice(ODD_VALUES)
    text = json.dumps(head).encode()
    return SIZES.pack(len(text)) + text + payload[SIZES.size + size :]


def _changed(data: bytes, random_source: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random_source.randint(1, 4)):
        slot = random_source.randrange(len(changed) + 1)
        match random_source.randrange(4):
            case 0:
                changed[slot : slot + 1] = random_source.randbytes(1)
            case 1:
                del changed[slot : slot + random_source.randint(1, 40)]
            case 2:
                changed[slot:slot] = random_source.randbytes(random_source.randint(1, 40))
            case _:
                changed[slot : slot + 30] = bytes(30)
    return bytes(changed)


def _segment(random_source: random.Random, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="weir-fuzz-spool-") as folder:
        _damaged(Path(folder), random_source, name)


def _damaged(folder: Path, random_source: random.Random, name: str) -> None:
    """Flip, cut and overwrite bytes of a closed segment; every record that kept all of its bytes is read, once, in order."""
    writer = SpoolWriter(folder, boot_epoch=NOON_US, bytes_max=10**7, segment_bytes_max=10**6)
    records = [pack(_record(number * 2, random_source), writer.mark) for number in range(RECORDS)]
    for record in records:
        writer.append(record)
    writer.abandon()
    path = folder / f"{segments_in(folder)[0].name}.seg"
    data = bytearray(path.read_bytes())
    for _ in range(random_source.randint(1, 3)):
        slot, length = random_source.randrange(len(data)), random_source.choice([1, 1, 8, 100, 2_000])
        length = min(length, len(data) - slot)
        data[slot : slot + length] = random_source.choice(
            [bytes(length), b"\xff" * length, random_source.randbytes(length)]
        )
    if random_source.random() < 0.3:
        del data[random_source.randrange(len(data)) :]
    path.write_bytes(data)
    found, slots = [], _untouched(records, bytes(data))
    reader = SpoolReader(folder)
    for _ in range(READS_MAX):
        if (piece := reader.read()) is None:
            break
        found += list(piece.payloads)
        reader.acknowledge(piece)
    writer.close()
    numbers = [unpack(payload).seq // 2 for payload in found]
    assert reader.read() is None, f"{name}: still reading after {READS_MAX} looks"
    assert set(numbers) >= slots, f"{name}: records {sorted(slots - set(numbers))} are whole and were not read"
    assert numbers == sorted(set(numbers)), f"{name}: read {numbers}"


def _untouched(records: list[bytes], data: bytes) -> set[int]:
    slot, whole = 0, set()
    for number, record in enumerate(records):
        if data[slot : slot + len(record)] == record:
            whole.add(number)
        slot += len(record)
    return whole


def _record(seq: int, random_source: random.Random) -> Record:
    wire = random_source.randbytes(random_source.choice([0, 10, 500]))
    answer = random_source.randbytes(random_source.choice([0, 40]))
    return Record(
        kind="completed",
        source="gateway/1",
        boot_epoch=NOON_US,
        seq=seq,
        call=call(),
        end=call_end(),
        wire=wire,
        responses=(answer,),
        wire_bytes=len(wire),
        response_bytes=len(answer),
    )
