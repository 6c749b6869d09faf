"""Drift: finds a change in the traffic of one monitored stream and says which part of the text changed.

Consumes `text-features`, produces `drift-signals`. State: one bank of detectors per (tenant, route), checkpointed
together with the offset it has read up to; the reference of a bank is written once. Guarantee: a user states the mean
number of events between false alarms (ARL), and `core.bank` says which parts keep it by theorem and which by
simulation.
"""
