"""The refusal that every model of this folder gives to an input that it cannot use."""

from __future__ import annotations


class BadRequest(ValueError):
    """The client's input cannot be used; the text says which value and what was expected."""
