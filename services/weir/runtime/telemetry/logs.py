"""Logs: structured events with fields, one JSON object a line on standard output.

Libraries log lines of text on standard error; the same message again and again is throttled, see `log_throttle`.

Never log prompt text, answer text, keys or secrets; log ids, counts, sizes and reasons.
"""

from __future__ import annotations

import logging

import structlog

from weir.runtime.telemetry.log_throttle import LogThrottle


def configure_logs(service: str, level: str = "info") -> None:
    """Set up structlog and the standard library's loggers for one process. Raises BadSetting-like ValueError for a
    level that is not debug, info, warning or error."""
    number = {"debug": 10, "info": 20, "warning": 30, "error": 40}.get(level)
    if number is None:
        raise ValueError(f"WEIR_LOG_LEVEL is {level!r}; expected debug, info, warning or error")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    of_libraries = logging.StreamHandler()
    of_libraries.addFilter(LogThrottle())
    logging.basicConfig(
        level=max(number, logging.WARNING), format="%(levelname)s %(name)s %(message)s", handlers=[of_libraries]
    )


def logger() -> structlog.stdlib.BoundLogger:
    """The process's logger: `logger().info("window_closed", key=..., count=...)`."""
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    return log
