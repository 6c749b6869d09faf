"""Failures over HTTP as the engine tells them: a code, a name, a status, and one line of text."""

from __future__ import annotations

import re
from dataclasses import dataclass

CODE = re.compile(r"[Cc]ode:? (\d+)")

NETWORK_ERROR = 210
"""Code of the engine for a server that it cannot reach."""

NAMES = {
    36: "BAD_ARGUMENTS", 48: "NOT_IMPLEMENTED", 73: "UNKNOWN_FORMAT", 81: "UNKNOWN_DATABASE",
    164: "READONLY", 202: "TOO_MANY_SIMULTANEOUS_QUERIES", NETWORK_ERROR: "NETWORK_ERROR",
    497: "ACCESS_DENIED", 516: "AUTHENTICATION_FAILED",
}  # fmt: skip
"""The engine's names of the codes that this service gives by itself."""

STATUSES = {
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 43, 53, 62, 70, 72, 386, 427), 400),
    **dict.fromkeys((497, 516, 164), 403),
    **dict.fromkeys((46, 47, 50, 60, 73, 81, 115), 404),
    48: 501,
    NETWORK_ERROR: 503,
    202: 503,
}
"""HTTP status of a code; 500 for any other, as at the engine's own interface."""

LINE_CHARS_MAX = 2_000
"""Characters of a failure. Chosen: the engine quotes the statement; two thousand say what is wrong with one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer."""

    code: int
    """The engine's code; 1001 where it has none."""
    text: str
    """Code, reason and name on one line, as the engine writes it."""

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUSES.get(self.code, 500)


def of_engine(text: str, version: str) -> Failure:
    """The failure behind the engine's words. version: that of the engine, which its interface adds."""
    code = CODE.search(text)
    line = " ".join(text.split())[:LINE_CHARS_MAX]
    if code is None:
        return own(36, line, version)
    return Failure(int(code[1]), line if "(version " in line[-60:] else f"{line} (version {version})")


def own(code: int, reason: str, version: str) -> Failure:
    """A failure that this service decides on. code: one of NAMES. version: empty where the engine was not reached."""
    line = " ".join(reason.split())[:LINE_CHARS_MAX]
    of_version = f" (version {version})" if version else ""
    return Failure(code, f"Code: {code}. DB::Exception: {line}. ({NAMES[code]}){of_version}")
