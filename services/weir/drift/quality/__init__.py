"""Quality: the alarms about judged scores, built as a service is; `weir.drift` runs it beside the alarms about texts."""
