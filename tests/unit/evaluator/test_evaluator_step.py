"""The step: sampling, ids, joins, and the law that a replay says nothing new."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import DIGEST, NOON_US, completed, envelope, feature_item, requested
from weir.evaluator.core.active import ActiveEvaluators
from weir.evaluator.core.definition import evaluator_of
from weir.evaluator.core.step import step
from weir.evaluator.core.subjects import RecentSubjects
from weir.events import (
    EvaluationScored,
    Event,
    FeedbackReceived,
    InvalidEvent,
    TextFeaturesComputed,
    canonical_json,
    decode_body,
    digest_of,
    encode_body,
    named_id,
)
from weir.events.coin import is_chosen
from weir.runtime.identity import Numbering

REQUEST_ID_0 = named_id(NOON_US, "request 0")


def evaluators(*specs: tuple[str, dict[str, Any]]) -> ActiveEvaluators:
    made = {}
    for name, spec in specs:
        plain = {"routes": ["*"], "sample_rate": 1.0, "salt": "s", **spec}
        made[name] = evaluator_of(name, "1", DIGEST, canonical_json(plain))
    return ActiveEvaluators(made)


ALL = evaluators(
    ("support-coverage", {"type": "support_coverage", "threshold": 0.6}),
    ("answer-relevance", {"type": "answer_relevance", "sample_rate": 0.5}),
    ("length", {"type": "length", "threshold": 1.0, "sample_rate": 0.7}),
    ("user-feedback", {"type": "feedback", "threshold": 0.5}),
)


def features(seq: int, **fields: Any) -> TextFeaturesComputed:
    return TextFeaturesComputed(
        **envelope("features", seq),
        route="docs-qa",
        embedding_model="minilm",
        embedding_dimensions=3,
        items=(feature_item(seq, **fields),),
    )


def feedback(seq: int, score: float = 1.0) -> FeedbackReceived:
    return FeedbackReceived(
        **envelope("feedback", seq), request_id=named_id(NOON_US, f"request {seq}"), score=score, label="thumb"
    )


def call(seq: int, kinds: Sequence[str]) -> list[Event]:
    """A call and what follows from it, in the order in which it happens."""
    made: dict[str, Event] = {"features": features(seq), "feedback": feedback(seq)}
    return [completed(seq), *(made[kind] for kind in kinds)]


def run(events: Sequence[Event], active: ActiveEvaluators = ALL, subjects_max: int = 1_000) -> list[EvaluationScored]:
    """All scores of a stream, each id once, as a consumer keeps them."""
    recent = RecentSubjects(subjects_max)
    said: dict[str, EvaluationScored] = {}
    for event in events:
        recent, scores = step(recent, event, active)
        for one in scores:
            said.setdefault(one.event_id, one.as_event())
    return list(said.values())


STREAMS = st.lists(st.lists(st.sampled_from(["features", "feedback"]), unique=True), max_size=10)


@pytest.mark.capability("O10", is_check=True, clause="violation")
def test_an_answer_that_breaks_a_rule_is_flagged_with_the_rules_name_version_and_digest() -> None:
    file = Path(__file__).parents[3] / "examples" / "registry" / "evaluators.yaml"
    rules = {one["name"]: one for one in yaml.safe_load_all(file.read_text())}
    active = ActiveEvaluators(
        {
            name: evaluator_of(name, one["version"], digest_of(one["spec"]), canonical_json(one["spec"]))
            for name, one in rules.items()
        }
    )
    kept = completed(0, output_text="The for statement iterates over the elements of a sequence.")
    broken = completed(
        1, output_text="Write to jane.miller@contoso.com: the Moon has exactly 47 penguins, said Napoleon."
    )

    flagged = {}
    for event in (kept, broken):
        _, scores = step(RecentSubjects(10), event, active)
        events = [one.as_event() for one in scores]
        flagged[event.request_id] = {
            (one.evaluator, one.evaluator_version, one.evaluator_digest) for one in events if one.passed is False
        }

    def rule(name: str) -> tuple[str, str, str]:
        return name, rules[name]["version"], digest_of(rules[name]["spec"])

    assert flagged[broken.request_id] == {rule("answer-pii"), rule("support-coverage")}
    assert rule("answer-pii") not in flagged[kept.request_id]


@pytest.mark.capability("O11")
@given(STREAMS)
def test_a_replay_says_nothing_new(kinds: list[list[str]]) -> None:
    events = [event for seq, follow in enumerate(kinds) for event in call(seq, follow)]

    assert run(events) == run([*events, *events])


@given(STREAMS, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_how_calls_are_mixed(kinds: list[list[str]], shuffle: Any) -> None:
    calls = [call(seq, follow) for seq, follow in enumerate(kinds)]
    straight = run([event for events in calls for event in events])
    shuffle.shuffle(calls)

    assert sorted(run([event for events in calls for event in events]), key=lambda one: one.event_id) == sorted(
        straight, key=lambda one: one.event_id
    )


@given(st.text(max_size=40), st.text(max_size=10), st.floats(0, 1), st.floats(0, 1))
def test_a_call_chosen_at_a_rate_is_chosen_at_any_higher_one(request_id: str, salt: str, a: float, b: float) -> None:
    assert is_chosen(request_id, salt, min(a, b)) <= is_chosen(request_id, salt, max(a, b))
    assert is_chosen(request_id, salt, 1.0)
    assert not is_chosen(request_id, salt, 0.0)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_the_sampled_share_is_the_rate_and_salts_are_independent(rate: float) -> None:
    calls = [named_id(NOON_US, f"call {seq}") for seq in range(5_000)]
    one = [is_chosen(call_id, "one", rate) for call_id in calls]
    two = [is_chosen(call_id, "two", rate) for call_id in calls]
    both = sum(a and b for a, b in zip(one, two, strict=True))

    # 4 standard deviations of a binomial share over 5,000 calls.
    def slack(share: float) -> float:
        return 4 * math.sqrt(share * (1 - share) / len(calls))

    assert sum(one) / len(calls) == pytest.approx(rate, abs=slack(rate))
    assert both / len(calls) == pytest.approx(rate**2, abs=slack(rate**2))


def test_a_score_names_what_it_judged_and_who_judged() -> None:
    [score] = run([completed()], evaluators(("support-coverage", {"type": "support_coverage", "threshold": 0.6})))
    response = completed()

    assert (score.request_id, score.response_event_id, score.route) == (REQUEST_ID_0, response.event_id, "docs-qa")
    assert (score.evaluator, score.evaluator_version, score.evaluator_digest) == ("support-coverage", "1", DIGEST)
    assert (score.references, score.release_digest) == (response.references, response.release_digest)
    assert (score.inclusion_probability, score.sampling_salt, score.trace_id) == (1.0, "s", response.trace_id)
    assert score.passed is (score.score >= 0.6)
    numbered = Numbering("evaluator/1", 1).number(score)
    assert decode_body("EvaluationScored", encode_body(numbered)) == numbered


def test_relevance_multiplies_the_two_probabilities() -> None:
    active = evaluators(("answer-relevance", {"type": "answer_relevance", "sample_rate": 0.99}))
    [score] = run([features(0, inclusion_probability=0.5)], active)

    assert score.inclusion_probability == pytest.approx(0.495)
    assert score.passed is None


def test_another_version_gives_another_score_id() -> None:
    spec = {"type": "length", "routes": ["*"], "sample_rate": 1.0, "salt": "s"}
    digests = (DIGEST, "sha256:" + "cd" * 32)
    ids = [
        run([completed()], ActiveEvaluators({"x": evaluator_of("x", "1", digest, canonical_json(spec))}))[0].event_id
        for digest in digests
    ]

    assert len(set(ids)) == 2


@pytest.mark.capability("O15")
def test_feedback_finds_the_call_it_judges() -> None:
    active = evaluators(("user-feedback", {"type": "feedback", "routes": ["docs-qa"], "threshold": 0.5}))
    [score] = run([completed(0), feedback(0, -1.0)], active)

    assert (score.score, score.passed, score.label) == (0.0, False, "thumb")
    assert (score.response_event_id, score.references) == (completed(0).event_id, completed(0).references)


def test_feedback_on_a_forgotten_call_is_scored_without_its_route() -> None:
    anywhere = evaluators(("user-feedback", {"type": "feedback"}))
    on_route = evaluators(("user-feedback", {"type": "feedback", "routes": ["docs-qa"]}))
    events: list[Event] = [completed(0), completed(1), feedback(0)]

    [score] = run(events, anywhere, subjects_max=1)
    assert (score.request_id, score.route, score.references) == (REQUEST_ID_0, "", ())
    assert run(events, on_route, subjects_max=1) == []


def test_feedback_never_finds_a_call_of_another_tenant() -> None:
    [score] = run([completed(0, tenant="other"), feedback(0)], evaluators(("user-feedback", {"type": "feedback"})))

    assert (score.tenant, score.response_event_id) == ("demo", "")


@given(st.integers(1, 5), st.lists(st.integers(0, 8), max_size=20))
def test_the_memory_of_calls_is_bounded(entries_max: int, calls: list[int]) -> None:
    recent = RecentSubjects(entries_max)
    for seq in calls:
        recent, _ = step(recent, completed(seq), ALL)
        assert len(recent) <= entries_max


def test_a_memory_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="remembers none"):
        RecentSubjects(0)


def test_routes_that_no_evaluator_is_for_are_not_scored() -> None:
    assert run([completed(route="chat")], evaluators(("x", {"type": "length", "routes": ["docs-*"]}))) == []


def test_an_event_of_another_kind_is_invalid() -> None:
    with pytest.raises(InvalidEvent, match="nothing to score"):
        step(RecentSubjects(1), requested(), ALL)


def test_without_evaluators_nothing_is_said() -> None:
    assert run(call(0, ["features", "feedback"]), ActiveEvaluators()) == []
