"""What the application tells beyond the alarm: explanation, skew and decisions, whatever kills it on the way."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.samples.builders import NOON_US, REFERENCE
from unit.drift.drift_banks import changed
from unit.drift.drift_envelopes import LIMITS, SMALL, Log, cut, enveloped, item_of, received, shifting_items
from unit.drift.drift_traffic import Traffic
from weir.alerts.core.drift_facts import drift_facts
from weir.detectors.bank import MonitoringBank
from weir.detectors.reference import EmbeddingMatrix
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.app import Drift, phase_of
from weir.drift.core.checkpoint import CHECKPOINT, Checkpoint, LogPosition
from weir.drift.core.explanation_settings import ExplanationSettings
from weir.drift.core.ports import UnknownStream
from weir.drift.core.stream.decisions import Dataset, Decision
from weir.drift.core.stream.explanation_basis import ExplanationBasis
from weir.drift.core.stream.seen import nothing_seen
from weir.drift.core.stream.state import StreamState
from weir.events import DriftSignalled, FeatureItem, TextFeaturesComputed

WINDOWS_OF_20 = ExplanationSettings(skew_window_events=20, skew_clear_after_windows=2)
ANA = Decision("ana", "it was the sale")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileCheckpoints]:
    checkpoints = FileCheckpoints(tmp_path)
    yield checkpoints
    checkpoints.close()


def dataset(embeddings: EmbeddingMatrix | None = None, model: str = "minilm") -> Dataset:
    """A dataset of texts like those of `Traffic`."""
    like = np.stack([one.embedding for one in Traffic(50).events(120) if one.embedding is not None])
    return Dataset("faq", "2", "sha256:faq", model, like if embeddings is None else embeddings, ANA)


def changing(novel: int = 40) -> list[FeatureItem]:
    """A reference of 60, 40 calm events and then a new subject with words of its own, on another prompt version."""
    source = Traffic(7)
    calm = [item_of(event) for event in source.events(100)]
    new = [item_of(source.event(shift=14.0, words_from=9_000)) for _ in range(novel)]
    versions = [replace(REFERENCE, version=one) for one in ("1", "2")]
    return [replace(item, references=(versions[0],)) for item in calm] + [
        replace(item, references=(versions[1],)) for item in new
    ]


async def told(
    files: FileCheckpoints,
    envelopes: list[TextFeaturesComputed],
    explaining: ExplanationSettings,
    compare: bool = False,
) -> tuple[Drift, list[DriftSignalled]]:
    log = Log()
    drift = Drift(files, log, SMALL, LIMITS, explaining)
    for offset, event in enumerate(envelopes):
        await drift.handle(received(event, offset))
        if compare and offset == 0:
            await drift.compare("demo", "docs-qa", dataset(), NOON_US)
    return drift, log.signals


@pytest.mark.capability("O6")
@pytest.mark.capability("O7", is_check=True, clause="named cluster")
@pytest.mark.slow
async def test_a_fired_signal_says_what_changed(files: FileCheckpoints) -> None:
    items = changing()
    _, signals = await told(files, cut(items, (30,)), ExplanationSettings())

    fired = next(one for one in signals if one.state == "fired" and one.level == "page")
    calm, new = ({item.request_id for item in part} for part in (items[:100], items[100:]))
    assert fired.example_request_ids[0] in new
    assert set(fired.example_before_request_ids) <= calm
    assert len(fired.example_before_request_ids) == 5
    assert 0 < fired.evidence_events <= 40
    assert fired.guarantee
    rising = [one.term for one in fired.shifted_terms if one.z > 0]
    assert any(term in ("word9000", "word9001", "word9002") for term in rising)
    assert fired.clusters[0].name.startswith("word90")
    assert fired.clusters[0].per_100 > 1.1 * fired.clusters[0].per_100_before > 0
    assert f"{fired.clusters[0].name}: {fired.clusters[0].events} events, " in drift_facts(fired)["clusters"]
    assert "per 100 now" in drift_facts(fired)["clusters"]
    assert set(fired.clusters[0].request_ids) <= new
    assert 100 < fired.clusters[0].first_event_index <= fired.event_index
    assert fired.psi > 0.5
    assert len(fired.psi_by_cluster) == 3
    prompts = [one for one in fired.blame if one.kind == REFERENCE.kind]
    assert prompts[0].version == "2"
    assert prompts[0].log_e > 3.0
    assert next(one for one in fired.blame if one.kind == "tenant").name == "demo"


@pytest.mark.slow
async def test_without_words_a_signal_still_names_clusters_and_calls(files: FileCheckpoints) -> None:
    _, signals = await told(files, cut(changing(), (30,)), ExplanationSettings(explain_terms=False))

    fired = next(one for one in signals if one.state == "fired" and one.level == "page")
    assert fired.shifted_terms == ()
    assert fired.clusters[0].name.startswith("cluster ")
    assert {one.name for one in fired.psi_by_cluster} == {""}
    assert "word90" not in str(fired.as_record())


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 7, 20, 80])
async def test_the_cut_into_envelopes_changes_no_signal_of_skew(files: FileCheckpoints, size: int) -> None:
    source = Traffic(11)
    events = [*source.events(5), *source.events(20, shift=14.0), *source.events(60)]
    _, signals = await told(files, cut([item_of(one) for one in events], (5, size)), WINDOWS_OF_20, compare=True)

    assert [
        (one.state, one.event_index, one.reference_version, one.reference_digest != "", one.reference_events)
        for one in signals
        if one.state in ("skewed", "cleared", "monitoring") and not one.level
    ] == [("skewed", 25, "", False, 25), ("monitoring", 60, "1", True, 60), ("cleared", 65, "1", True, 60)]


@pytest.mark.capability("O5")
@pytest.mark.slow
async def test_traffic_unlike_the_dataset_is_skewed_once_and_cleared_when_it_returns(files: FileCheckpoints) -> None:
    source = Traffic(11)
    events = [*source.events(60), *source.events(40, shift=14.0), *source.events(60)]
    drift, signals = await told(files, cut([item_of(one) for one in events], (20,)), WINDOWS_OF_20, compare=True)

    skew = [one for one in signals if one.detector == "skew"]
    assert [one.state for one in skew] == ["skew_reference", "skewed", "cleared"]
    raised = skew[1]
    assert (raised.dataset_name, raised.dataset_version, raised.dataset_digest) == ("faq", "2", "sha256:faq")
    assert (raised.dataset_items, raised.skew_window_events, raised.event_index) == (120, 20, 80)
    assert (raised.statistic, raised.threshold) == (min(raised.skew_p_mmd, raised.skew_p_novelty), 0.01)
    assert raised.statistic <= raised.threshold
    assert raised.arl_target == 2_000.0
    assert raised.affected_request_ids
    assert "evaluation dataset faq 2 of 120 items" in raised.explanation
    assert skew[2].event_index == 140
    assert all(one.dataset_version == "2" for one in signals if one.state == "fired")
    (stream,) = drift.streams()
    assert stream.stream.skew is not None
    assert (stream.stream.skew.windows, stream.stream.skew.is_raised) == (7, False)


@pytest.mark.parametrize("envelope_number", [1, 3, 5, 6])
@pytest.mark.slow
async def test_a_restart_between_envelopes_changes_no_signal(tmp_path: Path, envelope_number: int) -> None:
    source = Traffic(11)
    items = [item_of(one) for one in (*source.events(90), *source.events(50, shift=14.0), *source.events(30))]
    envelopes = cut(items, (25,))
    whole = FileCheckpoints(tmp_path / "whole")
    left, expected = await told(whole, envelopes, WINDOWS_OF_20, compare=True)
    whole.close()

    first = FileCheckpoints(tmp_path / "cut")
    _, before = await told(first, envelopes[:envelope_number], WINDOWS_OF_20, compare=True)
    first.close()
    second, log = FileCheckpoints(tmp_path / "cut"), Log()
    drift = Drift(second, log, SMALL, LIMITS, WINDOWS_OF_20)
    for offset, event in enumerate(envelopes):
        await drift.handle(received(event, offset))
    second.close()

    assert [*before, *log.signals] == expected
    (found,), (wanted,) = drift.streams(), left.streams()
    assert CHECKPOINT.encode(found) == CHECKPOINT.encode(wanted)


@pytest.mark.slow
async def test_a_dataset_that_cannot_be_read_back_costs_the_skew_test_only(tmp_path: Path) -> None:
    files = FileCheckpoints(tmp_path)
    await told(files, cut(shifting_items(), (25,)), WINDOWS_OF_20, compare=True)
    files.close()
    (stored,) = tmp_path.glob("0/*/dataset-*.bin")
    stored.write_bytes(stored.read_bytes()[:100])

    files = FileCheckpoints(tmp_path)
    (found,) = files.load()
    files.close()

    assert (found.stream.skew, found.stream.version) == (None, 1)
    assert phase_of(found.stream) == "monitoring"


@pytest.mark.slow
async def test_another_dataset_replaces_the_first_and_its_file(files: FileCheckpoints, tmp_path: Path) -> None:
    drift, _ = await told(files, cut(shifting_items(), (25,)), WINDOWS_OF_20, compare=True)

    await drift.compare("demo", "docs-qa", replace(dataset(), version="3"), NOON_US)

    (stream,) = drift.streams()
    assert stream.stream.skew is not None
    assert (stream.stream.skew.reference.version, stream.stream.skew.windows) == ("3", 0)
    assert len(list(tmp_path.glob("0/*/dataset-*.bin"))) == 1


@pytest.mark.slow
async def test_a_dataset_of_another_model_is_refused(files: FileCheckpoints) -> None:
    drift, _ = await told(files, cut(shifting_items(), (25,)), WINDOWS_OF_20)

    with pytest.raises(ValueError, match="embeddings of other with 24 numbers"):
        await drift.compare("demo", "docs-qa", dataset(model="other"), NOON_US)
    with pytest.raises(ValueError, match="with 3 numbers"):
        await drift.compare("demo", "docs-qa", dataset(np.ones((60, 3), dtype=np.float32)), NOON_US)
    with pytest.raises(UnknownStream):
        await drift.compare("demo", "nowhere", dataset(), NOON_US)


@pytest.mark.slow
async def test_another_embedding_model_makes_the_dataset_stale(files: FileCheckpoints) -> None:
    drift, _ = await told(files, cut(shifting_items(), (25,)), WINDOWS_OF_20, compare=True)
    other = [item_of(one) for one in Traffic(31).events(25)]

    await drift.handle(received(enveloped(other, embedding_model="other"), 99))

    (stream,) = drift.streams()
    assert stream.stream.skew is not None
    assert (stream.stream.skew.is_stale, stream.stream.skew.window) == (True, ())


async def skewed(files: FileCheckpoints) -> tuple[Drift, Log]:
    """A stream whose skew alarm is on."""
    log, source = Log(), Traffic(11)
    drift = Drift(files, log, SMALL, LIMITS, WINDOWS_OF_20)
    events = [*source.events(60), *source.events(40, shift=14.0)]
    for offset, event in enumerate(cut([item_of(one) for one in events], (20,))):
        await drift.handle(received(event, offset))
        if offset == 0:
            await drift.compare("demo", "docs-qa", dataset(), NOON_US)
    assert [one.state for one in log.signals if one.detector == "skew"] == ["skew_reference", "skewed"]
    return drift, log


@pytest.mark.capability("O5")
@pytest.mark.slow
async def test_another_embedding_model_ends_an_alarm_against_the_dataset(files: FileCheckpoints) -> None:
    drift, log = await skewed(files)
    other = enveloped([item_of(one) for one in Traffic(31).events(25)], embedding_model="other")

    await drift.handle(received(other, 99))
    await drift.handle(received(other, 99))

    (ended,) = [one for one in log.signals if one.detector == "skew" and one.state == "cleared"]
    assert "the embedding model changed from minilm" in ended.explanation
    (stream,) = drift.streams()
    assert stream.stream.skew is not None
    assert (stream.stream.skew.is_stale, stream.stream.skew.is_raised) == (True, False)


@pytest.mark.capability("O5")
@pytest.mark.slow
async def test_accepting_the_traffic_ends_an_alarm_against_the_dataset_too(files: FileCheckpoints) -> None:
    drift, log = await skewed(files)

    after = await drift.accept("demo", "docs-qa", ANA, NOON_US)

    states = [(one.detector, one.state) for one in log.signals]
    assert states[-1][1] == "accepted"
    decided = [(one.detector, one.state, one.author, one.reason) for one in log.signals if one.author == ANA.author]
    assert ("skew", "cleared", ANA.author, ANA.reason) in decided
    assert after.stream.skew is not None
    assert not after.stream.skew.is_raised


@pytest.mark.capability("O6")
async def test_a_dismissed_alarm_ends_and_the_reference_stays(files: FileCheckpoints) -> None:
    log = Log()
    drift = Drift(files, log, SMALL, LIMITS)
    items = shifting_items(quiet=0, shifted=60)
    await drift.handle(received(enveloped(items[:120]), 0))
    assert log.signals[-1].state == "fired"

    after = await drift.dismiss("demo", "docs-qa", ANA, NOON_US)

    assert [one.state for one in log.signals[-2:]] == ["cleared", "dismissed"]
    assert log.signals[-2].explanation == "The warn alarm against reference 1 is withdrawn: the alarm was dismissed."
    assert (log.signals[-1].author, log.signals[-1].reason) == ("ana", "it was the sale")
    assert (phase_of(after.stream), after.stream.version, after.stream.events) == ("monitoring", 1, 120)
    await drift.handle(received(enveloped(items[120:125]), 1))
    (stream,) = drift.streams()
    assert stream.stream.events == 125


async def test_a_decision_sent_again_before_it_was_kept_is_one_event(files: FileCheckpoints, tmp_path: Path) -> None:
    log = Log()
    first = Drift(files, log, SMALL, LIMITS)
    await first.handle(received(enveloped(shifting_items()[:90]), 0))
    again = Drift(files, log, SMALL, LIMITS)

    await first.accept("demo", "docs-qa", ANA, NOON_US)
    await again.accept("demo", "docs-qa", ANA, NOON_US + 5)

    ids = [one.event_id for one in log.signals if one.state == "accepted"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


@pytest.mark.slow
def test_a_checkpoint_of_the_layout_before_is_read_as_it_was(fitted_bank: MonitoringBank) -> None:
    stream = StreamState("demo", "docs-qa", fitted_bank, nothing_seen(8), basis=ExplanationBasis(typical=("a", "b")))
    apart: dict[str, object] = {}
    content = CHECKPOINT.encode(Checkpoint(LogPosition(0, 1, 2), stream), apart)

    found = CHECKPOINT.decode(of_layout_5(content), apart.__getitem__)

    assert found.position == LogPosition(0, 1, 2)
    assert found.stream.basis.typical == ("a", "b")
    assert CHECKPOINT.encode(found, {}) == content


def of_layout_5(content: bytes) -> bytes:
    """A checkpoint as it was written before two of its fields were renamed."""
    line, _, body = content.partition(b"\n")
    weir, name, _, _, size, table_size = line.decode().split(" ")
    text, rest = body[: int(size)], body[int(size) :]
    for now, before in ((b'"position":', b'"place":'), (b'"basis":', b'"insight":')):
        assert text.count(now) == 1
        text = text.replace(now, before)
    body = text + rest
    return f"{weir} {name} 5 {zlib.crc32(body)} {len(text)} {table_size}\n".encode() + body


def test_a_basis_that_cannot_be_read_is_left_behind(fitted_bank: MonitoringBank) -> None:
    stream = StreamState("demo", "docs-qa", fitted_bank, nothing_seen(8), basis=ExplanationBasis(typical=("a", "b")))
    apart: dict[str, object] = {}
    content = CHECKPOINT.encode(Checkpoint(LogPosition(0, 1, 2), stream), apart)
    assert CHECKPOINT.decode(content, apart.__getitem__).stream.basis.typical == ("a", "b")

    other = changed(content, b'"typical":', b'"usually":')

    found = CHECKPOINT.decode(other, apart.__getitem__)
    assert (found.stream.basis.typical, found.position.offset) == ((), 1)


@pytest.mark.parametrize(
    "wrong", [{"skew_alpha": 0.001}, {"skew_alpha": 1.0}, {"skew_window_events": 19}, {"skew_clear_after_windows": 0}]
)
def test_settings_under_which_no_alarm_could_come_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="skew_"):
        ExplanationSettings(**wrong)  # type: ignore[arg-type]  # numbers by name
