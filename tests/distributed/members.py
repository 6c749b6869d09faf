"""Who has which partitions of a consumer group, as the broker sees it."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

ASK_TIMEOUT_S = 15.0


def members(bootstrap: str, group: str) -> dict[str, int]:
    """Partitions of each member that has some; nothing while the broker cannot tell."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
    try:
        described = admin.describe_consumer_groups([group], request_timeout=ASK_TIMEOUT_S)[group].result(ASK_TIMEOUT_S)
    except (KafkaException, TimeoutError):
        return {}
    held = {member.member_id: member.assignment for member in described.members}
    shares = {name: len(assignment.topic_partitions) if assignment else 0 for name, assignment in held.items()}
    return {name: count for name, count in shares.items() if count}
