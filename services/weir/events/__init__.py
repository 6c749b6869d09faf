"""The language: what services say to each other.

Pure: the standard library and fastavro only. `_generated` holds one frozen dataclass for each Avro schema, `schema_texts`
the schemas; the other modules hold what every event needs: framing, digests, derived ids and the error an invalid event
raises.
"""

from weir.events._generated import (
    EVENT_TYPES,
    TOPICS,
    AccountKind,
    AlertChanged,
    ClusterShift,
    Context,
    DeadLettered,
    DriftLevel,
    DriftSignalled,
    DriftState,
    DriftVerdict,
    Envelope,
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
    OpsState,
    Outcome,
    Reason,
    Reference,
    RegistryChange,
    RegistryChanged,
    ShiftedTerm,
    Span,
    SpanKind,
    SpansRecorded,
    TextFeatures,
    TextFeaturesComputed,
    Topic,
)
from weir.events.change_order import FIRST, ChangeOrder, change_order
from weir.events.codec import check_body, decode_body, encode_body, frame, unframe
from weir.events.digest import canonical_json, digest_of, release_digest
from weir.events.errors import InvalidEvent
from weir.events.ids import derived_id, derived_span_id, named_id
from weir.events.schema_texts import SCHEMA_JSON
from weir.events.writer_schema import writer_schema
