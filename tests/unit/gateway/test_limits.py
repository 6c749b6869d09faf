"""Laws of what limits callers: slots, buckets, and the limits that a file or a setting may name."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access.caller_limits import NAMES, CallerLimits, parse_limits
from weir.access.keys import parse_keys
from weir.access.refusals import MESSAGE_CHARS_MAX, Refusal
from weir.access.slots import SHARE, LimitReached, Slots
from weir.gateway.core.bucket import Buckets
from weir.gateway.core.kept_answer import AnswerCollector
from weir.gateway.settings import GatewaySettings
from weir.runtime.errors import BadSetting

TENANTS = ("ada", "bob", "eve")


@pytest.mark.capability("D13")
@given(st.lists(st.tuples(st.sampled_from(TENANTS), st.integers(1, 5), st.booleans()), max_size=80))
def test_places_are_never_negative_and_never_above_a_limit(steps: list[tuple[str, int, bool]]) -> None:
    limit, slots, held = 20, Slots("calls_at_once", "calls", 20), list[tuple[str, int]]()
    for tenant, amount, is_leaving in steps:
        if is_leaving and held:
            slots.give_back(*_as_arguments(held.pop(0)))
            continue
        free = limit - slots.held
        mine = sum(size for name, size in held if name == tenant)
        try:
            slots.take(tenant, tenant, amount, tenant_max=12)
        except LimitReached:
            assert amount > free or mine + amount > min(12, SHARE * free)
        else:
            assert amount <= free
            assert mine + amount <= min(12, SHARE * free)
            held.append((tenant, amount))
        assert slots.held == sum(size for _, size in held)
    for one in held:
        slots.give_back(*_as_arguments(one))
    assert slots.held == 0


@given(st.integers(1, 40), st.integers(1, 15), st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_try_again_is_said_only_where_it_can_help(
    size: int, part: int, tenant_max: int, key_max: int, is_another_there: bool
) -> None:
    slots, already = Slots("bytes_in_hand", "bytes", 30), 0
    limits = {"tenant_max": tenant_max, "key_max": key_max}
    if is_another_there:
        slots.take("bob", "bob", 10)
    try:
        while already < size:
            amount = min(part, size - already)
            slots.take("ada", "ada", amount, already=already, **limits)
            already += amount
    except LimitReached as reached:
        told = reached
    else:
        return
    assert (told.error_type == "payload_too_large") == (told.retry_after_s is None) == told.message.endswith("less")
    if told.error_type == "payload_too_large" and "share" not in told.limit:
        assert size > min(30, tenant_max, key_max)
    if not is_another_there:
        assert told.error_type == "payload_too_large", "alone, a wait changes nothing"


def _as_arguments(one: tuple[str, int]) -> tuple[str, str, int]:
    return one[0], one[0], one[1]


@pytest.mark.parametrize("greedy", [1, 2, 5])
def test_there_is_always_room_for_one_more_tenant(greedy: int) -> None:
    slots = Slots("calls_at_once", "calls", 256)
    for _ in range(256):
        for number in range(greedy):
            with contextlib.suppress(LimitReached):
                slots.take(f"greedy-{number}", f"key-{number}")

    slots.take("quiet", "quiet-key")


@given(st.lists(st.tuples(st.floats(-3_600, 3_600), st.integers(1, 10)), max_size=60), st.integers(1, 100))
def test_a_bucket_gives_no_more_than_its_rate_though_the_clock_be_set(
    steps: list[tuple[float, int]], per_minute: int
) -> None:
    buckets, now_s, taken, passed_s = Buckets(), 0.0, 0, 0.0
    for step_s, cost in steps:
        now_s += step_s
        passed_s += abs(step_s)
        wait_s = buckets.take("a", per_minute, cost, now_s)
        taken += 0 if wait_s else cost
        assert wait_s >= 0
    assert taken <= per_minute * (1 + passed_s / 60) + 1e-6


def test_a_bucket_says_how_long_to_wait_and_that_is_enough() -> None:
    buckets = Buckets()
    assert buckets.take("a", 60, 60, 0.0) == 0
    wait_s = buckets.take("a", 60, 5, 0.0)

    assert wait_s == pytest.approx(5.0)
    assert buckets.take("a", 60, 5, wait_s) == 0
    assert buckets.take("b", 60, 5, 0.0) == 0, "another has a bucket of its own"


def test_what_never_fits_is_told_so_and_a_debt_is_a_minute_at_most() -> None:
    buckets = Buckets()
    assert buckets.take("a", 10, 11, 0.0) == float("inf")
    buckets.owe("a", 10, 1_000_000, 0.0)

    assert buckets.take("a", 10, 1, 60.0) > 0
    assert buckets.take("a", 10, 10, 120.0) == 0


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(0, 100), st.integers(0, 100))
def test_what_is_kept_of_an_answer_is_its_beginning(messages: list[bytes], room: int, memory: int) -> None:
    held = [0]

    def hold(size: int) -> bool:
        held[0] += size
        return held[0] <= memory

    captured = AnswerCollector(room, hold)
    for message in messages:
        captured.add(message)
    answer = captured.answer()

    assert list(answer.kept) == messages[: len(answer.kept)]
    assert answer.size_bytes == sum(map(len, messages))
    assert sum(map(len, answer.kept)) <= min(room, memory)
    assert answer.is_cut == (answer.size_bytes > sum(map(len, answer.kept)))


@pytest.mark.parametrize(
    "limits",
    [[], 7, {"calls_at_one": 3}, {"calls_at_once": 0}, {"calls_at_once": True}, {"calls_at_once": "3"},
     {"tokens_per_minute": 1.5}, {"bytes_in_hand": None}, {"x" * 100_000: 1}],
)  # fmt: skip
def test_limits_that_say_nothing_sensible_are_refused(limits: object) -> None:
    key = {"id": "k", "prefix": "00000000", "sha256": "0" * 64, "tenant": "ada", "scopes": [], "limits": limits}
    with pytest.raises(ValueError, match=r"keys\[0\]\.limits") as error:
        parse_keys({"keys": [key]})

    assert len(str(error.value)) < 1_000


def test_limits_of_a_tenant_that_say_nothing_sensible_stop_the_start() -> None:
    settings = GatewaySettings.model_validate({"WEIR_GATEWAY_LIMITS_BY_TENANT": {"ada": {"calls": 3}}})
    with pytest.raises(BadSetting, match="WEIR_GATEWAY_LIMITS_BY_TENANT: ada holds 'calls'"):
        settings.parsed_limits_by_tenant()


@given(st.dictionaries(st.sampled_from(NAMES), st.integers(1, 2**53)))
def test_limits_that_are_read_are_kept(limits: dict[str, int]) -> None:
    read = parse_limits(limits, "limits").over(CallerLimits(calls_at_once=7))

    assert {name: getattr(read, name) for name in limits} == limits
    assert read.calls_at_once == limits.get("calls_at_once", 7)


@given(st.text(max_size=2_000))
def test_a_refusal_is_short_whatever_it_quotes(text: str) -> None:
    assert len(Refusal("invalid_request", text).message) <= MESSAGE_CHARS_MAX + 30
