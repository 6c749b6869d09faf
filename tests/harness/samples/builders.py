"""Builders of events with good defaults: a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from weir.events import (
    AlertChanged,
    ClusterShift,
    Context,
    DeadLettered,
    DriftSignalled,
    EvaluationScored,
    Event,
    EvidenceSum,
    FeatureItem,
    FeedbackReceived,
    GovernanceRecorded,
    InferenceCompleted,
    InferenceRequested,
    NovelCluster,
    NumbersAccounted,
    OpsSignalled,
    Reference,
    RegistryChanged,
    ShiftedTerm,
    Span,
    SpansRecorded,
    TextFeatures,
    TextFeaturesComputed,
    named_id,
)
from weir.gateway.core.call import Call, CallEnd

NOON_US = 1_795_521_600_000_000
"""2026-11-24 12:00:00 UTC, the time every builder starts from."""

DIGEST = "sha256:" + "ab" * 32
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SPAN_ID = "b7ad6b7169203331"
REQUEST_ID = named_id(NOON_US, "request")
REFERENCE = Reference(kind="dataset", name="python-docs", version="1", digest=DIGEST)


def envelope(name: str = "event", seq: int = 0) -> dict[str, Any]:
    """Envelope fields of an event called `name`."""
    return {
        "event_id": named_id(NOON_US, f"{name} {seq}"),
        "source": "test/1",
        "boot_epoch": NOON_US,
        "seq": seq,
        "tenant": "demo",
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "parent_span_id": "",
        "event_time_us": NOON_US + seq,
    }


def requested(seq: int = 0, **fields: Any) -> InferenceRequested:
    """A call that was accepted."""
    plain = InferenceRequested(
        **envelope("requested", seq),
        request_id=named_id(NOON_US, f"request {seq}"),
        protocol="oip-grpc",
        operation="text_completion",
        route="docs-qa",
        model="docs-qa",
        input_text="What does a for loop do?",
        user_text="What does a for loop do?",
        references=(REFERENCE,),
        release_digest=DIGEST,
    )
    return replace(plain, **fields)


def completed(seq: int = 0, **fields: Any) -> InferenceCompleted:
    """A call that was answered."""
    plain = InferenceCompleted(
        **envelope("completed", seq),
        request_id=named_id(NOON_US, f"request {seq}"),
        protocol="oip-grpc",
        operation="text_completion",
        route="docs-qa",
        model="docs-qa",
        input_text="What does a for loop do?",
        user_text="What does a for loop do?",
        start_time_us=NOON_US,
        latency_ms=12.5,
        outcome="ok",
        status_code=0,
        output_text="The for statement iterates over the elements of a sequence.",
        finish_reason="stop",
        contexts=(
            Context(
                passage_id="topics/for#0",
                dataset="python-docs",
                dataset_digest=DIGEST,
                score=0.7,
                text="The for statement.",
            ),
        ),
        references=(REFERENCE,),
        release_digest=DIGEST,
    )
    return replace(plain, **fields)


def text_features(words: int = 6, **fields: Any) -> TextFeatures:
    """Measures of a short text."""
    plain = TextFeatures(
        words=words,
        chars=30,
        punctuation_share=0.03125,
        digit_share=0.0,
        mean_word_chars=4.0,
        tokens=("what", "does", "a", "for", "loop", "do"),
        embedding=(1.0, 0.0, 0.0),
    )
    return replace(plain, **fields)


def feature_item(seq: int = 0, **fields: Any) -> FeatureItem:
    """Features of one answered call."""
    plain = FeatureItem(
        response_event_id=named_id(NOON_US, f"completed {seq}"),
        request_id=named_id(NOON_US, f"request {seq}"),
        session_id="",
        trace_id=TRACE_ID,
        event_time_us=NOON_US + seq,
        outcome="ok",
        latency_ms=12.5,
        inclusion_probability=1.0,
        prompt=text_features(),
        answer=text_features(words=10),
        references=(REFERENCE,),
        release_digest=DIGEST,
    )
    return replace(plain, **fields)


def call(**fields: Any) -> Call:
    """A call as it started."""
    plain = Call(
        request_id=REQUEST_ID,
        tenant="demo",
        trace_id=TRACE_ID,
        span_id=SPAN_ID,
        parent_span_id="",
        start_time_us=NOON_US,
        protocol="oip-grpc",
        operation="text_completion",
        route="docs-qa",
        model="docs-qa",
        references=(REFERENCE,),
    )
    return replace(plain, **fields)


def call_end(**fields: Any) -> CallEnd:
    """A call that ended well 12.5 ms later."""
    return replace(CallEnd(end_time_us=NOON_US + 12_500, outcome="ok", status_code=0), **fields)


def one_of_each() -> list[Event]:
    """One valid event of every type."""
    span = Span(
        span_id=SPAN_ID,
        parent_span_id="",
        name="text_completion docs-qa",
        kind="server",
        service="gateway",
        start_time_us=NOON_US,
        end_time_us=NOON_US + 5,
        status="ok",
        attributes={"gen_ai.operation.name": "text_completion"},
    )
    return [
        requested(),
        completed(),
        SpansRecorded(**envelope("spans"), request_id=REQUEST_ID, route="docs-qa", spans=(span,)),
        TextFeaturesComputed(
            **envelope("features"),
            route="docs-qa",
            embedding_model="minilm",
            embedding_dimensions=3,
            items=(feature_item(),),
        ),
        NumbersAccounted(
            **envelope("accounts"),
            numbered_source="gateway/1",
            numbered_boot_epoch=NOON_US,
            first_seq=7,
            last_seq=12,
            account="shed",
            reason="spool_full",
        ),
        OpsSignalled(
            **envelope("ops"),
            name="audit_missing",
            subject="lineage",
            state="raised",
            value=10.0,
            threshold=0.0,
            explanation="10 numbers are missing",
            labels={"window_s": "86400"},
        ),
        DriftSignalled(
            **envelope("drift"),
            route="docs-qa",
            detector="bank",
            config_digest=DIGEST,
            state="fired",
            level="page",
            part="knn_novelty",
            statistic=2e5,
            threshold=1e5,
            arl_target=1e5,
            event_index=1_510,
            reference_version="1",
            reference_digest=DIGEST,
            reference_events=1_000,
            example_request_ids=(REQUEST_ID,),
            guarantee="e-detector bound",
            evidence_events=12,
            example_before_request_ids=(REQUEST_ID,),
            shifted_terms=(ShiftedTerm(term="botany", z=5.5, share_before=0.0, share_after=0.5),),
            clusters=(
                NovelCluster(
                    name="botany, leaf, stem",
                    events=6,
                    per_100=5.5,
                    per_100_before=0.6,
                    first_event_index=1_502,
                    request_ids=(REQUEST_ID,),
                ),
            ),
            psi=0.4,
            psi_by_cluster=(ClusterShift(number=3, name="git", share_before=0.1, share_after=0.0, psi=0.2),),
            blame=(EvidenceSum(kind="prompt", name="qa", version="3", digest=DIGEST, log_e=11.5, events=12),),
            dataset_name="faq",
            dataset_version="2",
            dataset_digest=DIGEST,
            dataset_items=400,
        ),
        EvaluationScored(
            **envelope("score"),
            request_id=REQUEST_ID,
            response_event_id=named_id(NOON_US, "completed 0"),
            route="docs-qa",
            evaluator="support",
            evaluator_version="1",
            evaluator_digest=DIGEST,
            score=0.75,
            passed=True,
            inclusion_probability=0.5,
            references=(REFERENCE,),
        ),
        FeedbackReceived(**envelope("feedback"), request_id=REQUEST_ID, score=-1.0, label="thumbs_down", comment="no"),
        RegistryChanged(
            **envelope("registry"),
            revision=1,
            change="version_created",
            kind="prompt",
            name="p",
            version="1",
            digest=DIGEST,
            body_json="{}",
            author="me",
        ),
        GovernanceRecorded(
            **envelope("governance"),
            actor="me",
            action="asset.apply",
            kind="prompt",
            name="p",
            decision="executed",
            reason="",
            previous_hash="0" * 64,
            record_hash="1" * 64,
        ),
        AlertChanged(
            **envelope("alert"),
            fingerprint="0123456789abcdef",
            rule="drift-page",
            rule_digest=DIGEST,
            state="firing",
            severity="page",
            group_key="g",
            value=2e5,
            threshold=1e5,
            starts_at_us=NOON_US,
            ends_at_us=0,
            labels={"route": "docs-qa"},
            annotations={"summary": "drift"},
        ),
        DeadLettered(
            **envelope("dead"),
            topic="spans",
            partition=0,
            offset=7,
            consumer_group="lineage",
            reason="bad_magic",
            error="message starts with '7b'",
            message_key=None,
            payload=b"{",
            payload_bytes=1,
            payload_sha256="0" * 64,
        ),
    ]
