"""Memory: what the database holds, as the application works on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weir.alerts.adapters.state_store import GroupKey, Progress
from weir.alerts.app.call_memory import CallMemory
from weir.alerts.core.grouping import Group
from weir.alerts.core.observation import Signal
from weir.alerts.core.silence import Silence
from weir.alerts.core.state import Alert
from weir.events.log import TopicPartition


@dataclass(slots=True)
class Memory:
    """alerts by key; groups by receiver and key; standing: the signals that were raised and not cleared, by series and
    channel; progress by topic and partition; silences by id;
    calls: windows of calls."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    groups: dict[GroupKey, Group] = field(default_factory=dict)
    standing: dict[str, Mapping[str, Signal]] = field(default_factory=dict)
    progress: dict[TopicPartition, Progress] = field(default_factory=dict)
    silences: dict[str, Silence] = field(default_factory=dict)
    calls: CallMemory = field(default_factory=CallMemory)
