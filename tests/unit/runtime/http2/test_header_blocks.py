"""Header blocks: the memo changes nothing, and what we write every HPACK reader reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from hypothesis import given
from hypothesis import strategies as st

from harness.http2.wire import Fields, encoded, request_fields
from weir.runtime.http2.faults import ConnectionFault, ErrorCode
from weir.runtime.http2.header_blocks import BlockReader, literal
from weir.runtime.http2.limits import LIST_BYTES_FACTOR

NAMES = st.sampled_from([b"a", b":path", b"content-type", b"x-long-name", b"te", b"grpc-timeout"])
VALUES = st.sampled_from([b"", b"1", b"/x", b"application/grpc", b"trailers", b"v" * 90]) | st.binary(max_size=8)
LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
SIZES = st.none() | st.sampled_from([0, 40, 200, 4_096])
"""Sizes that an encoder gives its table before a block; None leaves it."""

HEADER_BYTES_MAX = 16_384
"""Largest headers that are taken. Specified: the gateway's."""


@st.composite
def blocks(draw: st.DrawFn) -> list[bytes]:
    """Blocks of one peer: of an encoder whose table changes, some of them again, some cut or overwritten."""
    encoder, made = Encoder(), []
    for fields, size, is_secret in draw(st.lists(st.tuples(LISTS, SIZES, st.booleans()), min_size=1, max_size=6)):
        if size is not None:
            encoder.header_table_size = size
        made.append(encoder.encode([(name, value, is_secret) for name, value in fields]))
    order = draw(st.lists(st.sampled_from(made), max_size=6))
    broken = draw(st.lists(st.binary(min_size=1, max_size=6), max_size=1))
    return [one for made_block in made for one in (made_block, made_block)] + order + broken


@given(blocks())
def test_the_memo_changes_nothing(peers: list[bytes]) -> None:
    ours, plain = BlockReader(HEADER_BYTES_MAX), Decoder(max_header_list_size=LIST_BYTES_FACTOR * HEADER_BYTES_MAX)
    for block in peers:
        expected: list[tuple[bytes, bytes]] | None
        try:
            expected = [(bytes(name), bytes(value)) for name, value in plain.decode(block, raw=True)]
        except (HPACKError, IndexError):
            expected = None
        if expected is None:
            with pytest.raises(ConnectionFault) as caught:
                ours.read(block)
            assert caught.value.code == ErrorCode.COMPRESSION_ERROR
            return
        assert list(ours.read(block).fields) == expected


def test_a_known_block_is_read_once() -> None:
    reader, block = BlockReader(HEADER_BYTES_MAX), encoded(request_fields())

    assert reader.read(block) is reader.read(block)


@pytest.mark.parametrize(
    "changing", [Encoder().encode([("x", "y")]), b"\x3f\xe1\x0f", b"\x20"], ids=["a new entry", "a smaller table", "no table"]
)  # fmt: skip
def test_what_was_remembered_is_forgotten_when_the_table_changes(changing: bytes) -> None:
    reader = BlockReader(HEADER_BYTES_MAX)
    before = reader.read(b"\x82")

    reader.read(changing)

    assert reader.read(b"\x82") is not before


def test_an_index_means_what_the_table_holds_now() -> None:
    reader, encoder = BlockReader(HEADER_BYTES_MAX), Encoder()

    assert reader.read(encoder.encode([("x", "first")])).fields == ((b"x", b"first"),)
    assert reader.read(b"\xbe").fields == ((b"x", b"first"),)  # entry 62, the newest
    assert reader.read(b"\xbe").fields == ((b"x", b"first"),)
    reader.read(encoder.encode([("x", "second")]))
    assert reader.read(b"\xbe").fields == ((b"x", b"second"),)


@given(LISTS, st.integers(0, 3).map(lambda power: 127**power))
def test_what_is_written_is_read_by_another(fields: Fields, size: int) -> None:
    fields = [*fields, (b"n" * min(size, 300), b"v" * min(size, 40_000))]
    block = b"".join(literal(name, value) for name, value in fields)

    assert [tuple(field) for field in Decoder().decode(block, raw=True)] == fields


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 254, 255, 16_510, 16_511])
def test_every_length_around_a_step_is_written_right(size: int) -> None:
    for field in ((b"n" * size, b"v"), (b"n", b"v" * size)):
        assert [tuple(one) for one in Decoder().decode(literal(*field), raw=True)] == [field]


def test_an_entry_named_again_and_again_ends_the_connection() -> None:
    reader = BlockReader(HEADER_BYTES_MAX)
    reader.read(Encoder().encode([("x", "v" * 4_000)]))

    with pytest.raises(ConnectionFault) as caught:
        reader.read(b"\xbe" * 300)

    assert caught.value.code == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize(
    "bad",
    [b"\xff", b"\x80", b"\x00\x05ab", b"\xfe" + b"\xff" * 12, b"\x3f\xe2\x1f", b"\x82\x20", b"\x00\x81\xff\x81\xff"],
    ids=["cut index", "index 0", "cut text", "endless number", "larger table", "late size", "bad Huffman"],
)
def test_a_block_that_cannot_be_read_ends_the_connection(bad: bytes) -> None:
    with pytest.raises(ConnectionFault) as caught:
        BlockReader(HEADER_BYTES_MAX).read(bad)

    assert caught.value.code == ErrorCode.COMPRESSION_ERROR


@pytest.mark.parametrize("make", [lambda n: b"v%d" % n, lambda n: b"%d" % n * 5_000], ids=["many", "long"])
def test_what_is_remembered_is_bounded(make: Callable[[int], bytes]) -> None:
    reader = BlockReader(HEADER_BYTES_MAX)
    first = reader.read(literal(b"x", make(0)))

    for number in range(1, 300):
        reader.read(literal(b"x", make(number)))

    again = reader.read(literal(b"x", make(0)))
    assert again is not first
    assert again.fields == first.fields


def test_headers_that_are_too_large_to_be_taken_are_not_remembered() -> None:
    reader, block = (
        BlockReader(HEADER_BYTES_MAX),
        b"\x82" * 600,
    )  # `:method` named so often: 25 KB by the protocol's own count

    assert reader.read(block).size_bytes > HEADER_BYTES_MAX
    assert reader.read(block) is not reader.read(block)
