"""Drift: finds a change in the traffic of one monitored stream and says which part of the text changed.

Consumes `text-features` and `evaluation-scores` (group `drift`), produces `drift-signals`. State: one bank of detectors
per (tenant, route), checkpointed under `<data dir>/drift/checkpoints` together with the offset it has read up to, before
that offset is acknowledged; the reference of a bank is written once. The alarms on scores (`drift.quality`) keep theirs
in `<data dir>/drift/quality.sqlite3`, also with their offsets. One process owns a data directory.

Beside the bank a stream keeps what explains an alarm (`core.stream.explanation_basis`) and, where somebody set one, the
evaluation dataset it is compared with in windows (`detectors.skew`). Neither touches the promise below; decisions of people are
signals too.

Guarantee: a user states the mean number of events between false alarms (ARL), and `detectors.bank` says which parts keep
it by theorem and which by simulation. Signals are at least once with the same ids, wherever a crash falls.
"""
