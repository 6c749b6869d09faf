"""Alerts: turns signals and scores into alerts, and alerts into signed webhooks.

Consumes `drift-signals`, `evaluation-scores` and `ops-signals` (group `alerts`) and follows `registry-changes` for its
rules; produces `alerts`. State: one SQLite file under the data folder with the state of every alert, the groups to be
notified, the delivery queue and the events to be produced, written in one transaction with the offsets they follow from.
Guarantee:
a replay gives the same alerts, notifications and ids; a webhook is delivered at least once, each try under the same
id, and what could not be delivered is kept and can be sent again.
"""
