"""Length-prefixed messages: any cut gives the same, each is bounded before it is kept, and by what comes out of it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.runtime.rpc.messages import INTERNAL, PREFIX, RESOURCE_EXHAUSTED, BadMessage, MessageReader, framed

BYTES_MAX = 1_000
BODIES = st.lists(st.binary(max_size=60) | st.integers(0, BYTES_MAX).map(bytes), max_size=6)
COMPRESS: dict[bytes, Callable[[bytes], bytes]] = {b"gzip": gzip.compress, b"deflate": zlib.compress}


def compressed(message: bytes, encoding: bytes) -> bytes:
    """A compressed message with its prefix."""
    packed = COMPRESS[encoding](message)
    return PREFIX.pack(1, len(packed)) + packed


def read_whole(reader: MessageReader, data: bytes) -> list[bytes]:
    """The messages in a body, as they were before they were compressed."""
    return [reader.unpacked(message) for message in reader.read(data)]


@given(BODIES, st.sampled_from([None, b"gzip", b"deflate"]), st.lists(st.integers(0, 4_000), max_size=12))
def test_any_cut_gives_the_same_messages(messages: list[bytes], encoding: bytes | None, cuts: list[int]) -> None:
    body = b"".join(compressed(one, encoding) if encoding else framed(one, BYTES_MAX) for one in messages)
    places = sorted({0, len(body), *[cut % (len(body) + 1) for cut in cuts]})
    reader, came = MessageReader(BYTES_MAX, encoding or b"identity"), []

    for start, stop in zip(places, places[1:], strict=False):
        came += read_whole(reader, body[start:stop])
        assert reader.missing_bytes > 0
        assert reader.partial_bytes <= stop

    assert came == messages
    assert reader.partial_bytes == 0


@given(st.binary(min_size=1, max_size=100))
def test_what_is_missing_is_what_is_waited_for(message: bytes) -> None:
    body, reader = framed(message, BYTES_MAX), MessageReader(BYTES_MAX)

    assert list(reader.read(body[:3])) == []
    assert (reader.partial_bytes, reader.missing_bytes) == (3, 2)
    assert list(reader.read(body[3:5])) == []
    assert reader.missing_bytes == len(message)
    assert list(reader.read(body[5:])) == [message]


@pytest.mark.parametrize("size", [BYTES_MAX + 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("flag", [0, 1])
def test_a_message_that_is_too_large_is_refused_by_its_first_bytes(size: int, flag: int) -> None:
    with pytest.raises(BadMessage) as caught:
        read_whole(MessageReader(BYTES_MAX, b"gzip"), PREFIX.pack(flag, size))

    assert caught.value.code == RESOURCE_EXHAUSTED
    assert str(size) in caught.value.text


@pytest.mark.parametrize("encoding", COMPRESS)
def test_a_compressed_message_is_bounded_by_what_comes_out(encoding: bytes) -> None:
    fits = read_whole(MessageReader(BYTES_MAX, encoding), compressed(bytes(BYTES_MAX), encoding))
    assert fits == [bytes(BYTES_MAX)]

    with pytest.raises(BadMessage) as caught:
        read_whole(MessageReader(BYTES_MAX, encoding), compressed(bytes(500_000), encoding))

    assert caught.value.code == RESOURCE_EXHAUSTED


@pytest.mark.parametrize("encoding", COMPRESS)
@pytest.mark.parametrize("spoil", [lambda packed: packed[:-1], lambda packed: b"\0" + packed[1:], lambda _: b""])
def test_what_cannot_be_unpacked_is_refused(encoding: bytes, spoil: Callable[[bytes], bytes]) -> None:
    packed = spoil(COMPRESS[encoding](b"message"))

    with pytest.raises(BadMessage) as caught:
        read_whole(MessageReader(BYTES_MAX, encoding), PREFIX.pack(1, len(packed)) + packed)

    assert caught.value.code == INTERNAL


def test_a_compressed_message_without_an_encoding_is_refused() -> None:
    with pytest.raises(BadMessage) as caught:
        read_whole(MessageReader(BYTES_MAX), compressed(b"x", b"gzip"))

    assert caught.value.code == INTERNAL


def test_a_message_of_a_compressed_call_may_be_plain() -> None:
    assert read_whole(MessageReader(BYTES_MAX, b"gzip"), framed(b"plain", BYTES_MAX)) == [b"plain"]


def test_a_message_beyond_what_is_sent_at_most_is_not_framed() -> None:
    with pytest.raises(BadMessage) as caught:
        framed(bytes(11), 10)

    assert caught.value.code == RESOURCE_EXHAUSTED


def test_what_is_compressed_stays_so_until_somebody_reads_it() -> None:
    reader = MessageReader(BYTES_MAX, b"gzip")

    (packed,) = reader.read(compressed(bytes(BYTES_MAX), b"gzip"))

    assert len(packed) < 100
    assert reader.unpacked(packed) == bytes(BYTES_MAX)


@pytest.mark.parametrize("flag", [2, 254])
def test_a_first_byte_that_means_nothing_is_refused(flag: int) -> None:
    with pytest.raises(BadMessage) as caught:
        read_whole(MessageReader(BYTES_MAX, b"gzip"), PREFIX.pack(flag, 1) + b"x")

    assert caught.value.code == INTERNAL


def test_bytes_behind_what_is_compressed_are_refused() -> None:
    packed = gzip.compress(b"one") + b"two"

    with pytest.raises(BadMessage) as caught:
        read_whole(MessageReader(BYTES_MAX, b"gzip"), PREFIX.pack(1, len(packed)) + packed)

    assert caught.value.code == INTERNAL
