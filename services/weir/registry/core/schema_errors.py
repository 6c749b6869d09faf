"""Schema errors: refusals of the schema API, with the codes that Confluent's clients know."""

from __future__ import annotations

SUBJECT_NOT_FOUND = 40401
VERSION_NOT_FOUND = 40402
SCHEMA_NOT_FOUND = 40403
LEVEL_NOT_FOUND = 40408
INCOMPATIBLE = 409
INVALID_SCHEMA = 42201
INVALID_VERSION = 42202
INVALID_LEVEL = 42203
INVALID_SUBJECT = 42208
"""Specified by Confluent's Schema Registry: the first three digits are the HTTP status."""


class SchemaRefused(Exception):
    """A request the schema API refuses. code: Confluent's error code; its first three digits are the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return int(str(self.code)[:3])
