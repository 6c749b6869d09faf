"""A closed stream: what may still come for it, and what ends the connection."""

from __future__ import annotations

import pytest

from harness.http2.served import OK, REQUEST, TRAILERS, Served
from harness.http2.wire import data, headers
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import WINDOW_UPDATE
from weir.runtime.http2.stream import Stream


def closed_by(served: Served, how: str) -> Stream:
    """Stream 1, closed: by its end, by the client or by us."""
    served.hears(headers(1, REQUEST, is_end=how == "end"))
    stream = served.requests.taken[0][0]
    if how == "client":
        served.hears(frames.rst_stream(1, ErrorCode.CANCEL))
    elif how == "us":
        served.end.reset(1, ErrorCode.CANCEL)
    else:
        served.end.send_headers(stream, OK, is_end=True)
    assert served.end.streams == {}
    served.written()
    return stream


LATE = [data(1, b"late", is_end=True), headers(1, TRAILERS, is_end=True)]


HARMLESS = [frames.window_update(1, 5), frames.rst_stream(1, 8), frames.frame(frames.PRIORITY, 0, 1, bytes(5))]


@pytest.mark.parametrize("late", [*LATE, *HARMLESS])
def test_what_comes_late_after_our_reset_is_dropped(late: bytes) -> None:
    served = Served()
    closed_by(served, "us")

    assert [one.kind for one in served.hears(late) if one.kind != WINDOW_UPDATE] == []


@pytest.mark.parametrize("how", ["end", "client"])
@pytest.mark.parametrize("late", LATE)
def test_content_after_the_client_ended_its_stream_ends_the_connection(how: str, late: bytes) -> None:
    served = Served()
    closed_by(served, how)

    assert served.fault(late) == ErrorCode.STREAM_CLOSED


@pytest.mark.parametrize("how", ["end", "client"])
@pytest.mark.parametrize("late", HARMLESS)
def test_windows_resets_and_priorities_may_cross_an_end(how: str, late: bytes) -> None:
    served = Served()
    closed_by(served, how)

    assert served.hears(late) == []
