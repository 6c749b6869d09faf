"""Pure: spans of OpenTelemetry as events."""
