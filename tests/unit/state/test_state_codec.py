"""Laws of the codec: what is read is what was written, to the last bit; bytes that are something else are one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.state import ARRAY, DERIVED, SHARED, SYMMETRIC, Apart, Codec, Expendable, Packed, StateError

Matrix = Annotated[npt.NDArray[np.float32], ARRAY]


class Phase(StrEnum):
    """A closed set."""

    WARMING = "warming"
    MONITORING = "monitoring"


@dataclass(frozen=True, slots=True)
class Counting:
    """One of two phases."""

    counts: Mapping[str, tuple[int, int]]
    bits: int


@dataclass(frozen=True, slots=True)
class Watching:
    """The other one."""

    mean: float
    names: tuple[str, ...] = ()
    raw: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """Something of everything that a state may hold."""

    phase: Phase
    part: Counting | Watching
    matrix: Matrix
    kinds: frozenset[str] = frozenset()
    last: float | None = None
    keys: Annotated[tuple[int, ...], Packed(np.uint64, tuple)] = ()
    index: Annotated[dict[str, int] | None, DERIVED] = None
    release: Annotated[str, SHARED] = ""
    twice: int = field(init=False)

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2:
            raise ValueError(f"the matrix has {self.matrix.ndim} dimensions, expected 2")
        object.__setattr__(self, "twice", 2 * self.matrix.size)


DETECTOR = Codec(Detector, "detector", layout=2)

numbers = st.floats(width=32)
texts = st.text(max_size=5)
matrices = st.tuples(st.integers(0, 3), st.lists(numbers, min_size=3, max_size=3)).map(
    lambda drawn: np.array([drawn[1]] * drawn[0], dtype=np.float32).reshape(drawn[0], 3)
)
parts = st.one_of(
    st.builds(Counting, st.dictionaries(texts, st.tuples(st.integers(), st.integers())), st.integers(0, 1 << 600)),
    st.builds(Watching, st.floats(), st.lists(texts).map(tuple), st.binary(max_size=9)),
)
detectors = st.builds(
    Detector,
    phase=st.sampled_from(Phase),
    part=parts,
    matrix=matrices,
    kinds=st.frozensets(texts, max_size=1),
    last=st.none() | st.floats(),
    keys=st.lists(st.integers(0, (1 << 64) - 1)).map(tuple),
    index=st.none() | st.just({"a": 1}),
    release=texts,
)


@given(detectors)
def test_what_is_read_is_what_was_written(detector: Detector) -> None:
    content = DETECTOR.encode(detector)
    read = DETECTOR.decode(content)

    assert DETECTOR.encode(read) == content
    assert (read.phase, repr(read.part), read.keys, read.kinds) == (
        detector.phase, repr(detector.part), detector.keys, detector.kinds,
    )  # fmt: skip
    assert (read.matrix.dtype, read.matrix.shape) == (detector.matrix.dtype, detector.matrix.shape)
    assert read.matrix.tobytes() == detector.matrix.tobytes()
    assert (read.twice, read.index) == (detector.twice, None)
    assert read.release == detector.release


def detector_of(matrix: Matrix) -> Detector:
    return Detector(Phase.WARMING, Watching(1.0, ("name",)), matrix)


WRITTEN = DETECTOR.encode(detector_of(np.arange(6, dtype=np.float32).reshape(2, 3)))


@given(st.integers(0, len(WRITTEN) - 1), st.integers(1, 255))
def test_any_changed_byte_is_told(place: int, change: int) -> None:
    damaged = bytearray(WRITTEN)
    damaged[place] ^= change
    with pytest.raises(StateError):
        DETECTOR.decode(bytes(damaged))


@given(st.integers(0, len(WRITTEN) - 1))
def test_any_cut_is_told(size: int) -> None:
    with pytest.raises(StateError, match="cannot read|kind and layout"):
        DETECTOR.decode(WRITTEN[:size])


@dataclass(frozen=True, slots=True)
class Before:
    """A detector as the version before had it."""

    index: int


@dataclass(frozen=True, slots=True)
class After:
    """The same with one field more."""

    index: int
    quiet: tuple[int, ...] = (7,)


def test_a_field_added_with_a_default_reads_older_bytes() -> None:
    content = Codec(Before, "grown", layout=1).encode(Before(3))
    assert Codec(After, "grown", layout=1).decode(content) == After(3, (7,))


def test_a_field_added_without_a_default_is_filled_by_a_migration() -> None:
    content = Codec(Before, "grown", layout=1).encode(Before(3))
    grown = Codec(After, "grown", 3, {1: lambda old: {**old, "quiet": [1]}, 2: lambda old: {**old, "index": 4}})
    assert grown.decode(content) == After(4, (1,))


def test_a_field_that_is_gone_is_told() -> None:
    content = Codec(After, "grown", layout=1).encode(After(3))
    with pytest.raises(StateError, match="quiet: Unexpected keyword argument"):
        Codec(Before, "grown", layout=1).decode(content)


@pytest.mark.parametrize(("name", "layout"), [("other", 2), ("detector", 3), ("detector", 1)])
def test_another_kind_or_layout_is_told(name: str, layout: int) -> None:
    with pytest.raises(StateError, match=rf"kind and layout \('detector', 2\), expected \('{name}', {layout}\)"):
        Codec(Detector, name, layout, {1: lambda old: old} if layout == 3 else None).decode(WRITTEN)


def test_what_a_type_does_not_accept_any_more_is_told() -> None:
    other = Codec(Other, "detector", layout=2)
    content = other.encode(Other(np.zeros(3, dtype=np.float64)))
    with pytest.raises(StateError, match="Field required"):
        DETECTOR.decode(content)
    with pytest.raises(StateError, match="dtype <f8, expected <f4"):
        Codec(Narrow, "detector", layout=2).decode(content)


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """An array of double precision."""

    matrix: Annotated[npt.NDArray[np.float64], ARRAY]


@dataclass(frozen=True, slots=True, eq=False)
class Narrow:
    """The same in single precision."""

    matrix: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """Arrays that need fewer bytes than they have."""

    signed: Annotated[npt.NDArray[np.int64], ARRAY]
    keys: Annotated[npt.NDArray[np.uint64], ARRAY]


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, (1 << 64) - 1))
def test_integers_come_back_from_fewer_bytes(low: int, high: int) -> None:
    codec = Codec(Integers, "integers", layout=1)
    written = Integers(np.array([low] * 999 + [7], dtype=np.int64), np.array([high] * 1000, dtype=np.uint64))
    read = codec.decode(codec.encode(written))
    for array, before in ((read.signed, written.signed), (read.keys, written.keys)):
        assert array.dtype == before.dtype
        assert (array == before).all()


def test_small_integers_are_written_small() -> None:
    codec = Codec(Integers, "integers", layout=1)
    assert len(codec.encode(Integers(np.full(1_000, -1), np.full(1_000, 255, dtype=np.uint64)))) < 2_200


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A symmetric matrix."""

    whole: Annotated[Matrix, SYMMETRIC]


@given(st.integers(0, 9))
def test_a_symmetric_matrix_is_written_by_half(size: int) -> None:
    codec = Codec(Metric, "metric", layout=1)
    drawn = np.random.default_rng(size).standard_normal((size, size)).astype(np.float32)
    content = codec.encode(Metric(drawn + drawn.T))
    assert len(content) < 80 + 2 * size * (size + 1)
    assert (codec.decode(content).whole == drawn + drawn.T).all()


def test_half_a_matrix_of_another_size_is_refused() -> None:
    content = Codec(Integers, "metric", layout=1).encode(Integers(np.zeros(5, dtype=np.int64), np.zeros(0, np.uint64)))
    with pytest.raises(StateError, match="whole: Field required"):
        Codec(Metric, "metric", layout=1).decode(content)
    half = Codec(Halved, "metric", layout=1).encode(Halved(np.zeros(5, dtype=np.float32)))
    with pytest.raises(StateError, match="half a symmetric matrix has 5 numbers"):
        Codec(Metric, "metric", layout=1).decode(half)


@dataclass(frozen=True, slots=True, eq=False)
class Halved:
    """What no symmetric matrix has."""

    whole: Annotated[npt.NDArray[np.float32], ARRAY]


def test_a_shared_value_is_written_once() -> None:
    detector = replace(detector_of(np.zeros((0, 3), dtype=np.float32)), release="abcdef")
    codec = Codec(tuple[Detector, ...], "detectors", layout=1)
    content = codec.encode((detector, detector, detector))
    assert content.count(b"abcdef") == 1
    assert [one.release for one in codec.decode(content)] == ["abcdef"] * 3


def test_another_value_where_an_array_or_an_older_field_is_expected_is_told() -> None:
    content = Codec(Plain, "detector", layout=1).encode(Plain(3))
    with pytest.raises(StateError, match="cannot read .* bytes as a detector: TypeError"):
        Codec(Narrow, "detector", layout=1).decode(content)
    with pytest.raises(StateError, match="cannot read .* bytes as a detector: KeyError"):
        Codec(Plain, "detector", 2, {1: lambda old: {"matrix": old["array"]}}).decode(content)


@dataclass(frozen=True, slots=True)
class Plain:
    """A number where others have an array."""

    matrix: int


def test_a_value_that_is_not_what_its_field_says_is_not_written() -> None:
    with pytest.raises(ValueError, match="cannot store a grown"):
        Codec(Before, "grown", layout=1).encode(Before("three"))  # type: ignore[arg-type]  # what is tested


@dataclass(frozen=True, slots=True)
class Whole:
    """A state with a piece that is kept elsewhere, and one that may be lost."""

    piece: Annotated[Before, Apart(lambda piece: f"piece-{piece.index}")]
    hint: Annotated[Before | None, Expendable(lambda: None)] = None


WHOLE = Codec(Whole, "whole", layout=1)


def test_a_piece_is_kept_apart_and_asked_for_by_name() -> None:
    apart: dict[str, Before] = {}
    content = WHOLE.encode(Whole(Before(5), Before(6)), apart)
    assert apart == {"piece-5": Before(5)}
    assert WHOLE.decode(content, apart.__getitem__) == Whole(Before(5), Before(6))


def test_a_missing_or_another_piece_is_told() -> None:
    content = WHOLE.encode(Whole(Before(5)))
    with pytest.raises(StateError, match="piece piece-5 is wanted, none was given"):
        WHOLE.decode(content)
    with pytest.raises(StateError, match="piece-5 is wanted, given was piece-6"):
        WHOLE.decode(content, lambda name: Before(6))


def test_what_is_expendable_is_lost_alone() -> None:
    content = WHOLE.encode(Whole(Before(5), Before(6)))
    renamed = Codec(Changed, "whole", layout=1)
    assert renamed.decode(content, lambda name: Before(5)) == Changed(Before(5), None)


@dataclass(frozen=True, slots=True)
class Changed:
    """The same whose hint has another shape by now."""

    piece: Annotated[Before, Apart(lambda piece: f"piece-{piece.index}")]
    hint: Annotated[Watching | None, Expendable(lambda: None)] = None
