"""Errors about the world, and what the runner does with each.

    WeirError
    |-- Retryable        the world is bad for now (broker, store, registry): pause, back off, try again; nothing skipped
    |-- TooManyRejects   so many messages were dead-lettered that the deploy is suspect: halt, do not drain the topic
    `-- BadSetting       a setting is missing or impossible: stop at start with its name and an example

A message that can never be handled raises `weir.events.InvalidEvent` and is dead-lettered. Anything else is a bug:
it crashes the process, the supervisor starts it again and the uncommitted range is replayed.
"""

from __future__ import annotations


class WeirError(Exception):
    """Base of the errors about the world; its text says what happened and what to do."""


class Retryable(WeirError):
    """The same call may succeed later; the caller pauses its partition and backs off."""


class TooManyRejects(WeirError):
    """The limit of dead letters was passed; the consumer stops with its offset where it was."""


class BadSetting(WeirError):
    """A setting cannot be used; the text names the variable, its value and an example."""
