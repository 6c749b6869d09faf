"""Settings of alerts, read once in `__main__` from `WEIR_ALERTS_*` and the shared `WEIR_*`."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr

from weir.alerts.core.grouping import Timing
from weir.alerts.core.retry import Policy
from weir.assets.references import PROD
from weir.runtime.settings import SharedSettings, variables_of


class AlertsSettings(SharedSettings, alias_generator=variables_of("WEIR_ALERTS_")):
    """Receivers, waits, tries, and every bound."""

    receivers_file: Path | None = None
    """YAML file of the receivers; without one nobody is notified, and alerts are recorded all the same."""

    alerts_url: str = Field(default="", validation_alias="WEIR_ALERTS_URL")
    """Base URL of this service as people reach it; goes into notifications as externalURL."""

    rules_alias: str = PROD
    """Alias under which rules are in force."""

    http_token: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("WEIR_ALERTS_TOKEN", "WEIR_HTTP_TOKEN")
    )
    """Bearer token of every route of the API; alerts may have one of its own."""

    group_wait_s: float = Field(default=0.5, ge=0, le=86_400)
    """Seconds the first alert of a group waits for company; a rule may name its own, as for the two below. Short, because
    drift signals come one by one."""

    group_interval_s: float = Field(default=0.5, ge=0, le=86_400)
    """Seconds between the ticks at which changes of one group are notified. As short; raise it where alerts come in crowds."""

    repeat_interval_s: float = Field(default=14_400.0, ge=1, le=2_678_400)
    """Seconds after which a group that fires and did not change is notified again. Alertmanager's four hours."""

    tick_s: float = Field(default=0.1, gt=0)
    """Seconds between looks at what waits for time to pass. Chosen: a fifth of the group wait."""

    alerts_max: int = Field(default=10_000, ge=1)
    """Alerts kept; beyond it the oldest that is not active is dropped. Chosen: at a few kilobytes each they
    take some tens of megabytes."""

    call_series_max: int = Field(default=500, ge=1)
    """Groups of calls that rules keep a window of, over all rules; beyond it an idle group leaves, and where none is idle a new
    group is not watched, which is counted. A group of a latency takes 30 kilobytes, 250 at most."""

    calls_remembered_max: int = Field(default=100_000, ge=1_000)
    """Ids of calls kept, so that a call that is sent again is not counted again; about 100 bytes each. The gateway's drain sends
    again what Kafka did not acknowledge, which is far less."""

    unknown_s: float = Field(default=3_600.0, ge=60, le=604_800)
    """Seconds for which an alert over calls stays while too few calls tell what it measures; then it ends, saying so. An hour:
    longer than a lull, and a release that nobody calls any more does not fire for ever."""

    notification_alerts_max: int = Field(default=100, ge=1)
    """Alerts listed in one notification; the rest is counted in truncatedAlerts. Arbitrary: more than a person reads, and some
    100 kB; any value from 20 to 1,000 would do."""

    waiting_max: int = Field(default=10_000, ge=1)
    """Deliveries waiting for one receiver; while there are so many, its groups wait with what they have to tell. Ten
    thousand bodies of a few kilobytes are some tens of megabytes."""

    finished_max: int = Field(default=10_000, ge=1)
    """Finished deliveries kept; beyond it the oldest is dropped. Arbitrary: some tens of megabytes; any value from
    1,000, a listing, to 100,000 would do."""

    give_up_s: float = Field(default=86_400.0, ge=3_600)
    """Seconds a delivery is tried before it is shown dead, at least an hour: a receiver that is being deployed, or a
    proxy before it, answers anything for a while. A day: a person on the next shift sees it."""

    retry_base_s: float = Field(default=0.5, gt=0, le=60)
    """Pause after the first failed try, seconds; doubled after each. Half a second: a restarted receiver is back."""

    retry_max_s: float = Field(default=60.0, gt=0, le=3_600)
    """Longest pause between tries, seconds. A minute: a receiver that is back hears of a page within it."""

    timeout_s: float = Field(default=10.0, gt=0)
    """Seconds a receiver has for its whole answer. Chosen: below the 15 to 30 that Standard Webhooks
    advises as the longest."""

    response_bytes_max: int = Field(default=65_536, ge=0)
    """Bytes of an answer that are read; the rest is cut off. Arbitrary: any value from 0 to 1,048,576 would do,
    because only the status of an answer is used."""

    batch_messages_max: int = Field(default=500, ge=1)
    """Messages handled in one transaction. Arbitrary: they share one sync of the disk; any value from 50 to 5,000 would do."""

    relay_events_max: int = Field(default=200, ge=1)
    """Events sent to Kafka at once. Arbitrary: they share one wait for the broker; any value from 50 to 1,000
    would do."""

    @property
    def timing(self) -> Timing:
        """The waits of groups."""
        waits_s = (self.group_wait_s, self.group_interval_s, self.repeat_interval_s)
        return Timing(*(round(one * 1_000_000) for one in waits_s))

    @property
    def policy(self) -> Policy:
        """When a delivery is tried again."""
        return Policy(self.give_up_s, self.retry_base_s, self.retry_max_s)
