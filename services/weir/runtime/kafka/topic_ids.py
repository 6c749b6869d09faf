"""Identities of topics: the id that the broker gave each when it was made, asked of the broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient


class TopicIds:
    """Asks on a connection of its own, made at the first question; blocking."""

    def __init__(self, bootstrap: str, timeout_s: float) -> None:
        """bootstrap: host:port of any broker. timeout_s: seconds for the broker's answer."""
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._admin: AdminClient | None = None

    def of(self, topics: Iterable[str]) -> Mapping[str, str]:
        """Id by topic, without topics that do not exist. Raises KafkaException while the broker does not answer.

        The next question then has a new connection: a client can wait for a controller that it does not look for any more.
        """
        names = sorted(set(topics))
        if not names:
            return {}
        try:
            return self._asked(names)
        except KafkaException:
            self._admin = None
            raise

    def _asked(self, names: list[str]) -> Mapping[str, str]:
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 2})
        answers = self._admin.describe_topics(TopicCollection(names), request_timeout=self._timeout_s)
        found = {}
        for name, answer in answers.items():
            try:
                found[name] = str(answer.result(self._timeout_s).topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
            except TimeoutError as error:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from error
        return found
