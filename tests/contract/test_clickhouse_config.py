"""The production server's own logs are capped, and the file that says so is the one that is mounted."""

from __future__ import annotations

import pathlib
import re
import xml.etree.ElementTree as ElementTree

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "infra" / "clickhouse" / "system-logs.xml"


def test_each_log_is_off_or_has_an_end() -> None:
    logs = list(ElementTree.parse(FILE).getroot())  # our own file

    assert {"query_log", "trace_log", "metric_log", "text_log"} <= {log.tag for log in logs}
    for log in logs:
        ttl = log.findtext("ttl") or ""
        assert log.get("remove") == "1" or re.fullmatch(r"event_date \+ INTERVAL \d+ DAY DELETE", ttl), log.tag


def test_the_server_reads_it() -> None:
    volumes = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["clickhouse"]["volumes"]

    mounted = [volume for volume in volumes if "system-logs.xml" in volume]
    assert mounted == [f"./{FILE.relative_to(ROOT)}:/etc/clickhouse-server/config.d/weir-system-logs.xml:ro"]
