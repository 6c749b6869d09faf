"""Alerts: turns signals, scores and the ends of calls into alerts, and alerts into signed webhooks.

Consumes `drift-signals`, `evaluation-scores` and `ops-signals` (group `alerts`), and `inference-responses` (group
`alerts-calls`); follows `registry-changes` for its rules; produces `alerts`. State: one SQLite file under the data folder with
the state of every alert, the signals that stand, the windows of calls, the groups to be notified, silences, the delivery
queue and the events to be produced, written in one transaction with the offsets they follow from.
Guarantee: an alert is open if and only if its condition holds under the rule in force; a replay gives the same alerts,
notifications and ids; a webhook is delivered at least once, each try under the same id and freshly signed, and what could
not be delivered is notified again.
"""
