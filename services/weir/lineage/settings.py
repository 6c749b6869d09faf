"""Settings of lineage."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import Field

from weir.lineage.core.retention import Retention
from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings, secret_in, variables_of


class LineageSettings(SharedSettings, alias_generator=variables_of("WEIR_LINEAGE_")):
    """Where the store is, how much is inserted at once, how long queries may take."""

    clickhouse_url: str = ""
    """http://user@host:port/database of a ClickHouse server; empty runs the engine in this process."""

    clickhouse_password_file: Path | None = None
    """File that holds the user's password, so that it stands in no environment; without it the URL's own."""

    store_timeout_s: int = Field(default=60, ge=1)
    """Seconds a ClickHouse server may take for one statement before the connection counts as dead. Chosen: a
    half-open connection is noticed, and the slow insert of a server in trouble is still waited for."""

    group: str = Field(default="lineage", min_length=1)
    """Consumer group of the sink. Another group fills another store from the same log: never two on one store."""

    poll_interval_s: int = Field(default=600, ge=10)
    """Seconds one insert may keep the sink from its group before its partitions are given away; then the range is
    rebuilt under the same token. At least the session's 10. Chosen: longer than any single insert."""

    flush_s: float = Field(default=0.2, gt=0)
    """Seconds between inserts at low load. Chosen: a trace is queryable well within 2 s."""

    rest_max_s: float = Field(default=1.0, ge=0, le=60)
    """Seconds that the sink gathers messages after its inserts, at most: four times as long as these took, so that under load
    they are few and large; 0 gathers no longer than `flush_s`. Chosen: a trace is queryable within 2 s under load too."""

    stall_s: float = Field(default=60.0, gt=0)
    """Seconds that one range may wait for the store before the service says that it is not ready. Chosen: a store that is
    started again takes less; nothing is lost meanwhile, and nothing is stored either."""

    batch_messages_max: int = Field(default=15_000, ge=1)
    """Messages of one insert round; a round of large ones ends with `queue_bytes_max`, and neither waits for a rest. Measured
    on a backlog: an event costs 0.6 of the CPU time that it costs at 5,000, because half of that is merging parts; the memory is
    the same."""

    queue_bytes_max: int = Field(default=16_777_216, ge=1_048_576)
    """Bytes fetched ahead of the round in flight, at most. Chosen: a second of the sink's full speed."""

    insert_memory_bytes_max: int = Field(default=1_073_741_824, ge=16_777_216)
    """Memory of one insert, its views included. A block that needs more is inserted in halves, and one event that alone
    needs more is a dead letter: below 256 MiB that may be a message of the largest size. Chosen: as much as a query of the
    store may take."""

    disk_reserve_bytes: int = Field(default=268_435_456, ge=0)
    """Free bytes of the store's disk below which inserts wait and merges stop; 0 turns both off. Chosen: far more than is
    written between two looks at the disk, see `core.disk`."""

    query_timeout_s: int = 10
    """Seconds a query may run. Chosen: below the client's 30, so that the engine's own words arrive."""

    query_rows_max: int = 10_000
    """Rows an answer may hold. A larger one is an error of a list, and cut at a statement of /v1/sql, which then says
    `truncated`. Arbitrary: from what a person reads (hundreds) to what a response may weigh (some megabytes) any would do."""

    query_bytes_max: int = 1_073_741_824
    """Memory of one query. Chosen: a quarter of what the whole stack may use."""

    sql_memory_bytes_max: int = Field(default=268_435_456, ge=16_777_216)
    """Memory of one statement that a person wrote. Chosen: two at once take half of what the store's own queries may."""

    sql_answer_bytes_max: int = Field(default=8_388_608, ge=1_024)
    """Bytes of its answer, as the engine counts them; a larger one is an error that says so. Chosen: as Python values
    and JSON they take some ten times as much."""

    audit_every_s: float = Field(default=60.0, gt=0)
    """Seconds between two audits. Measured: an audit of 1.5 million numbers without a hole takes 0.4 s of one
    core, 1.6 s with one."""

    audit_window_s: int = Field(default=86_400, ge=60)
    """Seconds of events that these audits look at, back from now: their cost does not grow with what is kept. Arbitrary:
    any time from an hour to the retention would do; `weir audit gaps` looks at everything."""

    audit_delay_s: int = Field(default=60, ge=0, le=3_600)
    """Seconds before now at which that window ends. A hole whose next event is younger may be on its way on another
    partition, and an alarm must not be wrong. Chosen: thirty times what a trace takes; `weir audit gaps` does not wait."""

    retention_days: int = Field(default=30, ge=1, le=7_300)
    """Days that calls, and all that follows from them, are kept. Arbitrary: any number that the disk has room
    for would do. At most 20 years: ClickHouse's times
    end in 2106."""

    features_retention_days: int = Field(default=14, ge=1, le=7_300)
    """Days that text features are kept: embeddings are the largest rows. Chosen: half of what calls are kept."""

    governance_retention_days: int = Field(default=365, ge=1, le=7_300)
    """Days that the log of decisions is kept. Chosen: an auditor asks for a year. Registry changes are kept for ever."""

    is_sql_open: bool = Field(default=True, validation_alias="WEIR_LINEAGE_SQL")
    """Whether SQL is served, at POST /v1/sql and to stock clients; it is for the operator, behind an allowlist."""

    sql_port: int = Field(default=0, ge=0, le=65_535)
    """Port of SQL over ClickHouse's HTTP interface, for stock clients; 0 serves none. It listens where the API does."""

    def clickhouse_password(self) -> str:
        """The password of the server's user; empty where none is set. Raises BadSetting for a file without one."""
        if self.clickhouse_password_file is not None:
            return secret_in(self.clickhouse_password_file, "WEIR_LINEAGE_CLICKHOUSE_PASSWORD_FILE")
        return unquote(urlsplit(self.clickhouse_url).password or "")

    @property
    def retention(self) -> Retention:
        """How long each table keeps its rows. Raises BadSetting where rows would expire within an audit's window."""
        found = Retention(self.retention_days, self.features_retention_days, self.governance_retention_days)
        if found.audited_s < self.audit_window_s:
            raise BadSetting(
                f"WEIR_LINEAGE_RETENTION_DAYS={self.retention_days} and its two neighbours keep the audit whole for"
                f" {found.audited_s} s, and WEIR_LINEAGE_AUDIT_WINDOW_S is {self.audit_window_s}: what expires would read as"
                " missing; keep the shortest at least a day longer than the window, for example 2 days for 86400"
            )
        return found

    @property
    def store_dir(self) -> Path:
        """Folder of the embedded engine."""
        return self.data_dir / "lineage" / "clickhouse"
