"""What a stack cannot do."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot do this; the text says why and what to do."""


class StackLives(StackError):
    """A start was refused because something of a stack lives in its folder."""
