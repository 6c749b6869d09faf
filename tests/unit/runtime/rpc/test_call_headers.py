"""What headers of a call mean, and the bytes of those that we send."""

from __future__ import annotations

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from weir.runtime.rpc.call_headers import (
    INTERNAL,
    UNIMPLEMENTED,
    UNKNOWN,
    metadata_block,
    read_request,
    read_status,
    request_block,
    status_block,
    timeout_header,
)

GRPC = [(b":method", b"POST"), (b":path", b"/s/m"), (b"content-type", b"application/grpc")]
NAMES = st.text("abc0-_.", min_size=1, max_size=8).filter(lambda name: not name.endswith("-bin"))
TEXTS = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=20).map(str.strip)
METADATA = st.lists(st.tuples(NAMES, TEXTS) | st.tuples(NAMES.map("{}-bin".format), st.binary(max_size=40)), max_size=5)


def decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    """The headers in a block, by hpack."""
    return [(bytes(name), bytes(value)) for name, value in Decoder().decode(block, raw=True)]


@given(METADATA)
def test_metadata_means_at_the_other_side_what_it_meant(metadata: list[tuple[str, str | bytes]]) -> None:
    asked = read_request([*GRPC, *decoded(metadata_block(metadata))])

    assert list(asked.metadata) == metadata


@given(st.integers(1, 16), st.text(max_size=30), METADATA)
def test_a_status_means_what_it_meant(code: int, details: str, metadata: list[tuple[str, str | bytes]]) -> None:
    details = details.encode("utf-8", "replace").decode()

    status = read_status(decoded(status_block(code, details, metadata)))

    assert status is not None
    assert (status.code, status.details, list(status.metadata)) == (code, details, metadata)


@pytest.mark.parametrize(
    ("name", "value"),
    [("Upper", "x"), ("", "x"), ("a b", "x"), ("ü", "x"), ("x", "line\nend"), ("x", "ü"), ("x", "\0"), (":path", "x")],
)
def test_what_no_header_can_carry_is_refused_where_it_is_made(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot be carried"):
        metadata_block([(name, value)])


@pytest.mark.parametrize(
    ("wire", "timeout_s"),
    [
        (b"1n", 1e-9),
        (b"0S", 0.0),
        (b"99999999H", 99_999_999 * 3_600.0),
        (b"250m", 0.25),
        (b"5u", 5e-6),
        (b"2M", 120.0),
        (b"3S", 3.0),
    ],
)
def test_a_timeout_is_read_in_its_unit(wire: bytes, timeout_s: float) -> None:
    asked = read_request([*GRPC, (b"grpc-timeout", wire)])

    assert asked.timeout_s == pytest.approx(timeout_s)
    assert asked.fault is None


@pytest.mark.parametrize(
    "wire", [b"", b"1", b"S", b"-1S", b"1s", b"1.5S", b"123456789S", b" 1S", b"1S ", b"0x1S", "١S".encode()]
)
def test_a_timeout_that_is_none_is_refused(wire: bytes) -> None:
    asked = read_request([*GRPC, (b"grpc-timeout", wire)])

    assert asked.fault is not None
    assert asked.fault[0] == INTERNAL


@given(st.floats(min_value=0.0, max_value=1e9))
def test_a_timeout_that_is_written_is_never_longer(timeout_s: float) -> None:
    ((name, wire),) = decoded(timeout_header(timeout_s))
    read_s = read_request([*GRPC, (name, wire)]).timeout_s

    assert read_s is not None
    assert read_s <= max(timeout_s, 1e-6) * (1 + 1e-9)
    assert read_s >= min(timeout_s * 0.98 - 1e-6, 99_999_999.0)


def test_a_timeout_that_has_passed_is_the_shortest() -> None:
    assert decoded(timeout_header(-1.0)) == [(b"grpc-timeout", b"1u")]


@pytest.mark.parametrize("kind", [b"application/grpc", b"application/grpc+proto", b"application/grpc;charset=utf-8"])
def test_a_call_of_grpc_is_known_by_its_type(kind: bytes) -> None:
    assert read_request([(b":method", b"POST"), (b":path", b"/"), (b"content-type", kind)]).http_status == 0


@pytest.mark.parametrize(
    "kind", [b"application/json", b"application/grpc-web", b"application/grpcx", b"", b"Application/grpc"]
)
def test_other_types_are_answered_415(kind: bytes) -> None:
    assert read_request([(b":method", b"POST"), (b":path", b"/"), (b"content-type", kind)]).http_status == 415


def test_other_methods_are_answered_405_and_no_type_415() -> None:
    assert read_request([(b":method", b"PUT"), *GRPC[1:]]).http_status == 405
    assert read_request(GRPC[:2]).http_status == 415


@pytest.mark.parametrize("encoding", [b"snappy", b"", b"gzip,deflate"])
def test_an_encoding_that_nobody_knows_is_unimplemented(encoding: bytes) -> None:
    asked = read_request([*GRPC, (b"grpc-encoding", encoding)])

    assert asked.fault is not None
    assert asked.fault[0] == UNIMPLEMENTED


@pytest.mark.parametrize(
    ("said", "code"),
    [(b"17", UNKNOWN), (b"99", UNKNOWN), (b"1234567", UNKNOWN), (b"1" * 10_000, UNKNOWN),
     (b"-1", INTERNAL), (b"", INTERNAL), (b"x", INTERNAL),
     (b"\xb2", INTERNAL), (b"0" * 10_000, 0), (b"007", 7)],
)  # fmt: skip
def test_a_number_that_is_no_code_is_unknown_and_what_is_no_number_internal(said: bytes, code: int) -> None:
    status = read_status([(b"grpc-status", said), (b"grpc-message", b"why")])

    assert status is not None
    assert (status.code, status.details) == (code, "why")


def test_trailers_without_a_status_say_none() -> None:
    assert read_status([(b"x", b"1")]) is None


@pytest.mark.parametrize(
    ("wire", "details"), [(b"a%20b", "a b"), (b"100%", "100%"), (b"%zz", "%zz"), (b"%ff", "\ufffd")]
)
def test_a_text_that_is_badly_encoded_is_read_as_far_as_it_goes(wire: bytes, details: str) -> None:
    status = read_status([(b"grpc-status", b"2"), (b"grpc-message", wire)])

    assert status is not None
    assert status.details == details


@pytest.mark.parametrize(
    ("wire", "value"), [(b"AP8=", b"\x00\xff"), (b"AP8", b"\x00\xff"), (b"", b""), (b"!!", b"!!"), (b"A", b"A")]
)
def test_bytes_come_padded_or_not_and_what_is_none_as_it_is(wire: bytes, value: bytes) -> None:
    assert read_request([*GRPC, (b"k-bin", wire)]).metadata == (("k-bin", value),)


def test_a_request_says_what_grpc_asks_for() -> None:
    fields = dict(decoded(request_block("/s/m", "host:1", "weir")))

    assert fields == {
        b":method": b"POST", b":scheme": b"http", b":path": b"/s/m", b":authority": b"host:1", b"te": b"trailers",
        b"content-type": b"application/grpc", b"user-agent": b"weir", b"grpc-accept-encoding": b"identity,deflate,gzip",
    }  # fmt: skip


@pytest.mark.parametrize("details", [" no", "no ", " ", "  two  "])
def test_a_text_is_sent_without_white_space_at_either_end(details: str) -> None:
    """Node's HTTP/2, for one, drops a text that begins or ends with it."""
    fields = decoded(status_block(5, details))

    quoted = dict(fields)[b"grpc-message"]
    assert quoted == quoted.strip()
    status = read_status(fields)
    assert status is not None
    assert status.details == details
