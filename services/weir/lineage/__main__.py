"""`python -m weir.lineage`: the store, its sink and its API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from weir.lineage.audit.auditor import Auditor
from weir.lineage.audit.reading import audit
from weir.lineage.read import api
from weir.lineage.read.operator_sql import CLOSE_S, OperatorSql
from weir.lineage.read.sql_http import sql_listener
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.backlog import Backlog
from weir.lineage.sink.inserter import Inserter
from weir.lineage.sink.schemas import ThreadSchemas
from weir.lineage.sink.sink import Sink
from weir.lineage.sink.storing import Storing
from weir.lineage.store import fatal_signals
from weir.lineage.store.counters import Counters
from weir.lineage.store.disk_guard import DiskGuard
from weir.lineage.store.migrate import migrate
from weir.lineage.store.retention import keep
from weir.lineage.store.store import Store
from weir.lineage.store.view_comments import comment_views
from weir.runtime.http.policy import policy_of
from weir.runtime.http.server import application, serve
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.process import begin, end_at_once, run, together
from weir.runtime.telemetry.logs import logger


async def main(stop: asyncio.Event) -> None:
    """Migrate, then sink and serve side by side until `stop` is set."""
    settings = LineageSettings()
    begin("lineage", settings)
    policy = policy_of(settings, api.SQL_BYTES_MAX)
    link = link_from(settings, "lineage")
    store = Store(settings)
    fatal_signals.end_the_process()
    migrate(store)
    comment_views(store)
    keep(store, settings.retention)
    counters = Counters(store)
    sql = OperatorSql(settings)
    loop = asyncio.get_running_loop()
    cache_file = settings.data_dir / "lineage" / "sink-schema-ids.json"
    catalog = SchemaCatalog(settings.registry_url, cache_file, settings.registry_token_text())
    dead_letters = link.dead_letters(settings.group, settings.reject_limits)
    inserter = Inserter(store, ThreadSchemas(catalog, loop), settings.retention.days())
    sink = Sink(settings, Storing(inserter, dead_letters, settings.message_bytes_max, loop))

    def missing() -> Mapping[str, str]:
        if sink.halted_by:
            return {"sink": sink.halted_by}
        if stalled := sink.stalled():
            return {"sink": stalled}
        return {} if sink.is_ready else {"kafka": f"no partitions assigned yet by {settings.kafka_bootstrap}"}

    backlog = Backlog(settings)
    auditor = Auditor(settings, link, lambda window: audit(store, backlog, settings.group, window), backlog.close)
    await together(
        stop,
        serve(application(missing, policy, api.routes(store, counters, sql, settings, sink.stalled)), stop),
        *([serve(sql_listener(sql, settings, policy), stop)] if settings.sql_port else []),
        _producing(link, stop),
        sink.run(stop),
        auditor.run(stop),
        DiskGuard(store, settings.disk_reserve_bytes).run(stop),
        counters.run(stop),
    )
    await link.producer.stop()
    if not sql.close():  # a statement hangs in the engine; what was not committed is read from the log again
        logger().warning("sql_outlives_the_stop", waited_s=CLOSE_S)
        end_at_once(0)
    store.close()


async def _producing(link: Link, stop: asyncio.Event) -> None:
    """Connect the dead letters' producer, then stay until the stop: the other parts need not wait for it."""
    await link.producer.start(stop)
    await stop.wait()


if __name__ == "__main__":
    run(main)
