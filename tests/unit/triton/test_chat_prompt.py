"""The prompt of `chat`: the template by token numbers, the text as data."""

from __future__ import annotations

import pytest
from bad_request import BadRequest
from chat.prompt import END, START, SYSTEM, TEXT_BYTES_MAX, prompt_of
from hypothesis import given
from hypothesis import strategies as st

CONTROL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>", "<filename>", "<gh_stars>",
    "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>", "<jupyter_code>",
    "<jupyter_output>", "<jupyter_script>", "<empty_output>",
)  # fmt: skip
"""The tokens of type CONTROL in the GGUF file."""

TEXTS = st.lists(st.sampled_from([*CONTROL, "<", "|>", "im_end", "<|", ">", "a", " b", "\n"]), min_size=1).map("".join)


def test_a_text_is_one_message_of_the_user_in_the_template() -> None:
    assert prompt_of("  Hello?\n") == [
        START, f"system\n{SYSTEM}", END, "\n", START, "user\nHello?", END, "\n", START, "assistant\n",
    ]  # fmt: skip


@given(TEXTS.filter(str.strip))
def test_no_piece_of_a_text_holds_a_control_token_and_joined_they_are_the_text(text: str) -> None:
    (*template,) = prompt_of(text)
    pieces = [piece for piece in template[5:-4] if isinstance(piece, str)]

    assert len(pieces) == len(template[5:-4])
    assert "".join(pieces) == f"user\n{text.strip()}"
    assert not [piece for piece in pieces for control in CONTROL if control in piece]


def test_a_text_that_only_resembles_the_template_is_not_cut() -> None:
    assert prompt_of("a < b, <div>, List<filenames>, <|im|>")[5] == "user\na < b, <div>, List<filenames>, <|im|>"


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="text_input is empty"):
        prompt_of(text)


def test_a_text_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadRequest, match="text_input has 65537 bytes; at most 65536"):
        prompt_of("x" * (TEXT_BYTES_MAX + 1))
