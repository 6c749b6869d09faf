"""The machinery under every service: settings, Kafka in and out, schemas, dead letters, health, logs, metrics.

No business words here. Services import from its modules; of Weir it imports only `weir.events`.
"""
