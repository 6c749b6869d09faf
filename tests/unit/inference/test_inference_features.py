"""Feature envelopes: which calls, in which envelope, under which id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, completed
from weir.events import InferenceCompleted, TextFeaturesComputed, decode_body, encode_body
from weir.events.trace_context import TraceContext, read_traces
from weir.inference.core.features import (
    ENVELOPE_BYTES_MAX,
    ITEMS_MAX,
    Plan,
    envelopes,
    is_embedded,
    skip_reason,
    texts_to_embed,
)
from weir.inference.core.vectors import FloatVector
from weir.runtime.identity import Numbering

VECTOR = np.array([1.0, 0.0, 0.0], dtype=np.float32)
PLAN = Plan("minilm", 3, embed_sample_rate=1.0, embed_salt="s", embed_chars_max=1_000)
STREAMS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["r", "s"])), max_size=30)


def built(
    events: Sequence[InferenceCompleted], plan: Plan = PLAN, vector: FloatVector | None = VECTOR
) -> list[tuple[str, TextFeaturesComputed]]:
    numbering = Numbering("inference/1", NOON_US)
    return [(key, numbering.number(one)) for key, one in envelopes(events, lambda text: vector if text else None, plan)]


@given(STREAMS)
def test_every_call_is_in_exactly_one_envelope_of_its_stream_in_order(streams: list[tuple[str, str]]) -> None:
    events = [completed(seq, tenant=tenant, route=route) for seq, (tenant, route) in enumerate(streams)]

    pairs = built(events)

    for tenant, route in set(streams):
        expected = [event.event_id for event in events if (event.tenant, event.route) == (tenant, route)]
        found = [item.response_event_id for key, one in pairs if key == f"{tenant}/{route}" for item in one.items]
        assert found == expected
    assert sum(len(one.items) for _, one in pairs) == len(events)


@given(STREAMS)
def test_the_same_batch_gives_the_same_envelopes_and_numbers_without_holes(streams: list[tuple[str, str]]) -> None:
    events = [completed(seq, tenant=tenant, route=route) for seq, (tenant, route) in enumerate(streams)]

    pairs = built(events)

    assert pairs == built(events)
    assert [one.seq for _, one in pairs] == list(range(len(pairs)))
    assert len({one.event_id for _, one in pairs}) == len(pairs)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_call_sampled_at_a_rate_is_sampled_at_any_higher_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    plans = [Plan("minilm", 3, rate, "salt", 1_000) for rate in (low, high)]

    for seq in range(20):
        assert is_embedded(completed(seq), plans[0]) <= is_embedded(completed(seq), plans[1])


def test_the_sampled_share_is_the_rate() -> None:
    plan = Plan("minilm", 3, 0.3, "salt", 1_000)
    calls = 4_000

    share = sum(is_embedded(completed(seq), plan) for seq in range(calls)) / calls

    # 4 standard deviations of a binomial share: sqrt(0.3 * 0.7 / 4000) = 0.0072.
    assert share == pytest.approx(0.3, abs=0.029)


def test_a_call_that_is_not_sampled_has_statistics_and_its_probability() -> None:
    [(_, envelope)] = built([completed()], Plan("minilm", 3, 0.0, "s", 1_000))

    item = envelope.items[0]
    assert item.inclusion_probability == 0.0
    assert (item.prompt.words, item.prompt.embedding, item.answer.embedding) == (6, (), ())


def test_an_envelope_survives_its_encoding() -> None:
    [(key, envelope)] = built([completed()])

    assert key == "demo/docs-qa"
    decoded = decode_body("TextFeaturesComputed", encode_body(envelope))
    assert isinstance(decoded, TextFeaturesComputed)
    assert decoded.items[0].prompt.embedding == (1.0, 0.0, 0.0)
    assert decoded.items[0].references == completed().references


def test_only_an_answer_that_ended_well_is_measured() -> None:
    [(_, envelope)] = built([completed(outcome="failed", output_text="half an ans")])

    assert envelope.items[0].prompt.words == 6
    assert (envelope.items[0].answer.words, envelope.items[0].answer.embedding) == (0, ())


def test_words_of_the_template_are_never_the_users() -> None:
    [(_, envelope)] = built([completed(user_text="two", input_text="one two")])

    assert envelope.items[0].prompt.tokens == ("two",)


def test_an_envelope_is_cut_at_its_limit() -> None:
    pairs = built([completed(seq) for seq in range(ITEMS_MAX + 1)])

    assert [len(envelope.items) for _, envelope in pairs] == [ITEMS_MAX, 1]


@pytest.mark.slow
def test_an_envelope_of_long_texts_is_cut_so_that_every_consumer_decodes_it() -> None:
    umlauts = "ä" * 60
    long = " ".join(f"{number:03d}{umlauts}" for number in range(300))
    pairs = built([completed(seq, user_text=long, output_text=long) for seq in range(64)])

    assert sum(len(envelope.items) for _, envelope in pairs) == 64
    assert len(pairs) > 1
    assert all(len(encode_body(envelope)) <= ENVELOPE_BYTES_MAX for _, envelope in pairs)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (completed(), ""),
        (completed(outcome="refused"), ""),
        (completed(operation="embeddings"), "operation"),
        (completed(user_text="", input_text=""), "no_text"),
        (completed(user_text="", input_text="Answer politely: "), "no_text"),
    ],
)
def test_calls_without_a_text_are_left_out(event: InferenceCompleted, reason: str) -> None:
    assert skip_reason(event) == reason


def test_texts_are_embedded_once_cut_to_the_limit_and_never_empty() -> None:
    plan = Plan("minilm", 3, 1.0, "s", embed_chars_max=4)
    events = [completed(user_text="what now", output_text="  "), completed(1, user_text="what else", output_text="yes")]

    assert texts_to_embed(events, plan) == ["what", "yes"]


def test_every_call_keeps_its_trace_in_its_envelope() -> None:
    events = [completed(seq, route="ab"[seq % 2]) for seq in range(5)]
    traces = {
        event.event_id: TraceContext(f"{seq + 1:032x}", f"{seq + 1:016x}", "0" + str(seq % 2), "v=1" * (seq == 4))
        for seq, event in enumerate(events)
        if seq != 2
    }
    numbering = Numbering("inference/1", NOON_US)

    for _, one in envelopes(events, lambda _: None, PLAN, traces):
        again = decode_body("TextFeaturesComputed", encode_body(numbering.number(one)))
        assert isinstance(again, TextFeaturesComputed)
        found = read_traces(again.item_traceparents, again.item_tracestates, len(again.items))
        assert found == [traces.get(item.response_event_id) for item in again.items]


def test_an_envelope_of_calls_without_traces_says_nothing_of_them() -> None:
    [(_, one)] = built([completed()])

    assert (one.item_traceparents, one.item_tracestates) == ((), ())
