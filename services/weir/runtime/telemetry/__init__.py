"""What a service says about itself: logs, metrics, spans, and their export over OTLP."""
