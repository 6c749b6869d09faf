"""The memo of callers changes nothing but the time."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from weir.access.callers import Callers
from weir.access.keys import ApiKey, caller_of, parse_keys
from weir.access.refusals import Refusal

TEXTS = [f"weir_{number:08x}_{'a' * 43}" for number in range(3)]

LONG = f"Bearer {' ' * 26_000}{TEXTS[1]}"

HEADERS = st.sampled_from(
    [*(f"Bearer {text}" for text in TEXTS), f"bearer  {TEXTS[0]} ", "", " ", "Bearer x", "Bearer weir_0", LONG]
)


def file_of(numbers: list[int], expires_us: int | None) -> dict[str, ApiKey]:
    keys = [
        {
            "id": f"key-{number}",
            "prefix": TEXTS[number].split("_")[1],
            "sha256": hashlib.sha256(TEXTS[number].encode()).hexdigest(),
            "tenant": f"tenant-{number}",
            "scopes": ["infer"],
            "expires_us": expires_us,
        }
        for number in numbers
    ]
    return parse_keys({"keys": keys})


FILES = st.builds(file_of, st.lists(st.integers(0, 2), unique=True), st.none() | st.integers(0, 10))


def said(find: Any) -> object:
    try:
        return find()
    except Refusal as refusal:
        return refusal.message


@given(
    st.lists(
        st.tuples(FILES, st.lists(st.tuples(HEADERS, st.integers(0, 12), st.sampled_from(["", "local"])), max_size=8))
    )
)
def test_the_memo_says_what_the_keys_say(readings: list[tuple[dict[str, ApiKey], list[tuple[str, int, str]]]]) -> None:
    callers = Callers()
    for keys, asked in readings:
        for header, now_us, anonymous in asked:
            expected = said(lambda: caller_of(header, keys, now_us, anonymous_tenant=anonymous))  # noqa: B023  # called at once

            assert said(lambda: callers.find(header, keys, now_us, anonymous)) == expected  # noqa: B023  # called at once


def test_a_long_spelling_of_a_key_is_good_and_not_remembered() -> None:
    callers, keys = Callers(), file_of([1], None)
    short = f"Bearer {TEXTS[1]}"

    assert callers.find(LONG, keys, 0, "") == callers.find(short, keys, 0, "")
    assert set(callers._known) == {short}
