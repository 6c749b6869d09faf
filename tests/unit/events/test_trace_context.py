"""K13: what a caller says about its trace goes on as it was said, or a trace starts anew."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.events.trace_context import STATE_CHARS_MAX, TraceContext, read_trace

HEX = "0123456789abcdef"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
MEMBERS = st.lists(st.tuples(st.text("abc1", min_size=1, max_size=9), st.text("xyz 1", max_size=150)), max_size=40)


@given(
    st.text(HEX, min_size=32, max_size=32),
    st.text(HEX, min_size=16, max_size=16),
    st.sampled_from(["00", "01", "02", "03"]),
)
def test_a_written_context_is_read_back(trace_id: str, span_id: str, flags: str) -> None:
    headers = dict(TraceContext(trace_id, "", flags, "vendor=1").headers(span_id))

    valid = bool(trace_id.strip("0")) and bool(span_id.strip("0"))
    assert read_trace(headers["traceparent"], headers["tracestate"]) == (
        TraceContext(trace_id, span_id, flags, "vendor=1") if valid else None
    )


@given(st.text(max_size=60))
def test_any_other_text_starts_a_new_trace(header: str) -> None:
    assert read_trace(header, "vendor=1") is None


@pytest.mark.capability("O14")
@pytest.mark.parametrize(
    "header",
    ["", "00-" + "0" * 32 + f"-{SPAN}-01", f"00-{TRACE}-" + "0" * 16 + "-01", f"ff-{TRACE}-{SPAN}-01",
     f"{PARENT}-more", f"{PARENT}-", PARENT.upper(), f"{PARENT},{PARENT}", f"01-{TRACE}-{SPAN}-01more"],
)  # fmt: skip
def test_an_invalid_traceparent_starts_a_new_trace(header: str) -> None:
    assert read_trace(header, "") is None


@pytest.mark.parametrize(
    ("header", "flags"),
    [(PARENT, "01"), (f"00-{TRACE}-{SPAN}-00", "00"), (f"01-{TRACE}-{SPAN}-01-more", "01"),
     (f"00-{TRACE}-{SPAN}-02", "02"), (f"00-{TRACE}-{SPAN}-03", "03"), (f"00-{TRACE}-{SPAN}-ff", "03"),
     (f"cc-{TRACE}-{SPAN}-fc", "00")],
)  # fmt: skip
def test_the_flags_of_level_2_are_kept_and_unknown_flags_are_zero(header: str, flags: str) -> None:
    assert read_trace(header, "") == TraceContext(TRACE, SPAN, flags)


@pytest.mark.parametrize(("flags", "is_sampled"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_the_sampled_flag_alone_says_sampled(flags: str, is_sampled: bool) -> None:
    assert TraceContext(TRACE, SPAN, flags).is_sampled == is_sampled


@given(MEMBERS)
def test_a_tracestate_goes_on_within_its_bound_or_not_at_all(members: list[tuple[str, str]]) -> None:
    given_ = [f"{key}={value}x" for key, value in members]
    found = read_trace(PARENT, " , ".join(given_))
    assert found is not None
    kept = found.state.split(",") if found.state else []

    assert len(found.state) <= STATE_CHARS_MAX
    assert kept == [member for member in given_ if member in kept]
    if len({key for key, _ in members}) == len(members) <= 32 and len(",".join(given_)) <= STATE_CHARS_MAX:
        assert kept == given_


@pytest.mark.parametrize(
    "state",
    ["vendor", "vendor=", "=1", "Vendor=1", "a=1,a=2", "a=ü", "a=b=c", ",".join(f"k{n}=1" for n in range(33))],
)
def test_a_tracestate_that_is_not_valid_is_dropped_whole(state: str) -> None:
    found = read_trace(PARENT, state)

    assert found is not None
    assert found.state == ""
