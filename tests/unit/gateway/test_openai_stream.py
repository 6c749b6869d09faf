"""An event of a stream is the JSON of its chunk on one line, whatever the route is called and the model says."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from harness.samples.builders import call
from weir.gateway.api.openai import replies
from weir.gateway.api.openai.stream import PieceStream, event


@given(
    route=st.text(max_size=20),
    text=st.text(min_size=1, max_size=50),
    operation=st.sampled_from(["chat", "text_completion"]),
)
@example(route='\0"\0', text='\0 "content":"\0"', operation="chat")
@example(route="a\u2028b", text="\x85\u2028\u2029", operation="text_completion")
def test_an_event_is_its_chunk_on_one_line(route: str, text: str, operation: str) -> None:
    asked = call(route=route, operation=operation)
    stream = PieceStream(asked)

    made = stream.piece({"text_output": (text.encode(),)})

    assert made == event(replies.piece(asked, text))
    assert made.decode().splitlines() == [made.decode().rstrip("\n"), ""]
    assert json.loads(made.removeprefix(b"data: ")) == replies.piece(asked, text)
