"""Silences and inhibition: what is muted is not notified, what is the case afterwards is; who silenced what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from fuzz.webhook_answers import SECRET
from harness.samples.alerts_world import SECOND_US, World
from harness.samples.builders import NOON_US
from weir.alerts.adapters import deliveries, silences
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.api.routes import AlertsApi
from weir.alerts.core.address import target_of
from weir.alerts.core.matcher import CHARS_MAX, InvalidMatcher, Matcher, matcher_from
from weir.alerts.core.silence import InvalidSilence, Silence, check
from weir.runtime.clock import now_us
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application

TOKEN = "t" * 20
HOUR = {"duration_s": 3_600, "owner": "me", "comment": "deploying"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "alerts.db")
    yield world
    world.database.close()


class Api:
    """Asks the API of the world's alerts, in this thread, to which its database belongs."""

    def __init__(self, world: World, token: str = TOKEN) -> None:
        receiver = Receiver("demo", target_of("http://localhost/", allow_private=True), True, (SECRET,))
        api = AlertsApi(world.alerts, world.rulebook, world.database, {"demo": receiver}, lambda: None)
        self._app = application(dict, Policy(token=TOKEN), api.routes())
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def get(self, path: str) -> httpx2.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return asyncio.run(self._ask("POST", path, **options))

    async def _ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self._app), base_url="http://localhost") as client:
            return await client.request(method, path, headers=self._headers, **options)


def silence(world: World, seconds: float, *matchers: str, name: str = "s") -> None:
    """Silence matching alerts from now on."""
    parsed = tuple(matcher_from(one) for one in matchers)
    end_us = world.now_us + round(seconds * SECOND_US)
    world.alerts.add_silence(Silence(name, parsed, world.now_us, end_us, "me", "why", world.now_us), world.now_us)


@pytest.mark.capability("O12")
def test_what_is_silenced_is_told_when_the_silence_ends_and_it_still_fires(world: World) -> None:
    world.rule("r")
    silence(world, 20, "alertname=r", 'route=~"docs.*"')
    world.drift("fired")
    world.wait(10)
    world.restart()
    world.wait(9)
    assert world.statuses == []
    assert len(world.open()) == 1

    world.wait(5)
    assert world.statuses == ["firing"]


def test_what_ended_while_it_was_silenced_is_told_afterwards_to_who_heard_of_it(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(5)
    silence(world, 20, "alertname=r")
    world.drift("fired", part="unheard")
    world.wait(2)
    world.drift("cleared")
    world.drift("cleared", part="unheard")
    world.wait(10)
    assert world.statuses == ["firing"]

    world.wait(15)
    assert world.notified == [("firing", [("firing", "r")]), ("resolved", [("resolved", "r")])]


def test_the_gauges_tell_what_is_kept_after_a_restart_and_when_time_passes(world: World) -> None:
    world.rule("r")
    silence(world, 20, "alertname=r")
    world.drift("fired")
    world.restart()
    assert (gauge("weir_alerts_silences"), gauge("weir_alerts_standing_series")) == (1, 1)

    world.wait(21)
    assert gauge("weir_alerts_silences") == 0
    world.drift("cleared")
    assert gauge("weir_alerts_standing_series") == 0


def gauge(name: str) -> float | None:
    return REGISTRY.get_sample_value(name)


def silence_of(world: World, **changes: Any) -> Silence:
    plain = Silence("s", (matcher_from("a=b"),), world.now_us, world.now_us + SECOND_US, "me", "why", world.now_us)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"owner": "  "}, "owner is blank; say who"),
        ({"comment": ""}, "comment is blank; say why"),
        ({"owner": "x" * 1_001}, "owner has 1001 characters"),
        ({"starts_at_us": -1}, "the start is -1; expected"),
        ({"starts_at_us": 7, "ends_at_us": 7}, r"the start \(7\) must be before the end \(7\)"),
        ({"starts_at_us": 0, "ends_at_us": 7}, r"the end \(7\) is past; it is \d+ now"),
        ({"ends_at_us": NOON_US + 400 * 86_400 * SECOND_US}, r"it lasts 400.00 days .*expected 366 at most"),
        (
            {"starts_at_us": NOON_US + 367 * 86_400 * SECOND_US, "ends_at_us": NOON_US + 368 * 86_400 * SECOND_US},
            r"it starts later than in 366 days: in 367.00",
        ),
    ],
)
def test_a_silence_that_is_refused_is_told_which_value_was_wrong(
    world: World, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidSilence, match=said):
        check(silence_of(world, **changes), world.now_us)


def test_a_silence_that_is_expired_early_is_over(world: World) -> None:
    world.rule("r")
    silence(world, 1_000, "severity=page")
    world.drift("fired")
    world.wait(5)
    world.alerts.expire_silence("s", "you", world.now_us)
    world.wait(5)

    assert world.statuses == ["firing"]
    log = silences.log_of(world.database.connection, "s")
    assert [(one.action, one.author) for one in log] == [("added", "me"), ("expired", "you")]


def test_an_inhibited_alert_is_told_when_its_cause_is_over(world: World) -> None:
    world.rule("cause", match={"part": "a"}, inhibits=[{"target": {"severity": "warn"}, "equal": ["route"]}])
    world.rule("effect", match={"part": "b"}, severity="warn")
    world.drift("fired", part="a")
    world.drift("fired", part="b")
    world.drift("fired", part="b", route="elsewhere")
    world.wait(5)
    heard = [(one["labels"]["alertname"], one["labels"]["route"]) for body in world.bodies for one in body["alerts"]]
    assert sorted(heard) == [("cause", "docs-qa"), ("effect", "elsewhere")]

    world.drift("cleared", part="a")
    world.wait(5)
    assert world.bodies[-1]["alerts"][0]["labels"]["alertname"] == "effect"


def test_a_rule_does_not_inhibit_its_own_alerts(world: World) -> None:
    world.rule("r", inhibits=[{"target": {"severity": "page"}, "equal": []}])
    world.drift("fired", part="a")
    world.drift("fired", part="b")
    world.wait(5)

    assert len(world.bodies[-1]["alerts"]) == 2


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("a=b", Matcher("a", "=", "b")),
        (' a != "x y" ', Matcher("a", "!=", "x y")),
        ('a=~"x|y"', Matcher("a", "=~", "x|y")),
        ("a!~.*", Matcher("a", "!~", ".*")),
        ("a=", Matcher("a", "=", "")),
    ],
)
def test_matchers_are_written_as_alertmanager_writes_them(text: str, matcher: Matcher) -> None:
    assert matcher_from(text) == matcher
    assert matcher_from(str(matcher)) == matcher


@pytest.mark.parametrize(
    "text", ["", "a", "1a=b", "a=~(", 'a="x', "a=~" + "x" * 600, "a=~(?<=x)y", "a=" + "x" * 498, 'a=""""']
)
def test_a_matcher_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(InvalidMatcher, match="matcher"):
        matcher_from(text)


def test_an_expression_that_would_take_for_ever_elsewhere_takes_no_time() -> None:
    start_us = now_us()
    assert not matcher_from("a=~(x+x+)+y").matches({"a": "x" * 5_000})
    assert now_us() - start_us < SECOND_US


@given(st.integers(400, CHARS_MAX), st.sampled_from(["a", "\\\\.", '"', "\n", "\x7f", "\u2028", "é"]))
@example(494, "a")
@example(490, "\\.")
def test_a_matcher_that_is_accepted_reads_back_equal_however_long(length: int, unit: str) -> None:
    text = ("a=x" + unit * length)[:length]
    try:
        matcher = matcher_from(text)
    except InvalidMatcher:
        return
    assert matcher_from(str(matcher)) == matcher


@given(st.text(max_size=60), st.text(max_size=20))
def test_every_text_is_a_matcher_or_a_refusal(text: str, value: str) -> None:
    try:
        matcher = matcher_from(text)
    except InvalidMatcher:
        return
    assert matcher.matches({matcher.name: value}) in (True, False)
    assert matcher_from(str(matcher)) == matcher


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"matchers": []}, "1 to 20"),
        ({"matchers": ["a=~.*"]}, "every alert"),
        ({"matchers": "a=b"}, "list of at most"),
        ({"matchers": ["a"]}, "cannot be read"),
        ({"comment": " "}, "comment"),
        ({"owner": 3}, "owner"),
        ({"duration_s": 0}, "duration_s"),
        ({"duration_s": 1e12}, "duration_s"),
        ({"duration_s": True}, "duration_s"),
        ({"ends_at_us": 2**62}, "exactly one"),
        ({"until": 1}, "unknown key 'until'"),
        ({"starts_at_us": 2**62}, "starts later"),
        ({"starts_at_us": "now"}, "starts_at_us"),
    ],
)
def test_a_silence_that_cannot_be_kept_is_refused_by_name(world: World, changes: dict[str, Any], says: str) -> None:
    answer = Api(world).post("/v1/silences", json={"matchers": ["a=b"], **HOUR, **changes})

    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert world.alerts.silences == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 60_000, b'{"a": NaN}', b'{"a": "\\ud800"}', b" " * 70_000])
def test_a_body_that_is_no_object_is_refused(world: World, body: bytes) -> None:
    for path in ("/v1/silences", "/v1/silences/x/expire", "/v1/test"):
        assert Api(world).post(path, content=body).status_code in (413, 422)


def test_a_silence_over_the_api_from_its_start_to_its_end(world: World) -> None:
    api = Api(world)
    made = api.post("/v1/silences", json={"matchers": ["alertname=r"], **HOUR})
    assert (made.status_code, made.json()["state"]) == (201, "active")
    name = made.json()["id"]
    assert [one["id"] for one in api.get("/v1/silences?state=active").json()["items"]] == [name]

    ended = api.post(f"/v1/silences/{name}/expire", json={"author": "you"})

    assert ended.json()["state"] == "expired"
    assert [one["action"] for one in api.get(f"/v1/silences/{name}").json()["items"]] == ["added", "expired"]
    assert api.post("/v1/silences/none/expire", json={"author": "you"}).status_code == 404


def test_an_alert_shows_what_silences_it(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    api = Api(world)
    name = api.post("/v1/silences", json={"matchers": ["alertname=r"], **HOUR}).json()["id"]
    api.post("/v1/silences", json={"matchers": ["alertname=s"], **HOUR})

    (shown,) = api.get("/v1/alerts").json()["items"]
    assert (shown["state"], shown["severity"], shown["silenced_by"]) == ("firing", "page", [name])


def test_an_alert_that_no_longer_holds_is_left_out_where_it_is_asked_for_and_is_not_counted(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    api = Api(world)
    holding = "/v1/alerts?state=pending&state=firing"
    assert len(api.get(holding).json()["items"]) == 1
    assert api.post("/v1/silences", json={"matchers": ["alertname=r"], **HOUR}).json()["matching_alerts"] == 1

    world.drift("cleared")

    assert api.get(holding).json()["items"] == []
    assert len(api.get("/v1/alerts").json()["items"]) == 1
    assert api.post("/v1/silences", json={"matchers": ["alertname=r"], **HOUR}).json()["matching_alerts"] == 0
    assert api.get("/v1/alerts?state=firing&state=over").status_code == 422


def test_a_test_of_a_receiver_that_is_not_there_says_how_to_add_it(world: World) -> None:
    answer = Api(world).post("/v1/test", json={"receiver": "nobody"})

    assert answer.status_code == 404
    assert "weir restart alerts" in answer.json()["hint"]


def test_writes_need_what_all_writes_need(world: World) -> None:
    for path in ("/v1/silences", "/v1/silences/x/expire", "/v1/test"):
        assert Api(world, token="x" * 20).post(path, json={}).status_code == 401


@pytest.mark.parametrize("asked", [{"receiver": "demo"}, {"rule": "r"}])
def test_a_test_fires_and_ends_and_is_marked_as_one(world: World, asked: dict[str, str]) -> None:
    world.rule("r", annotations={"summary": "{part} of {route}"})
    answer = Api(world).post("/v1/test", json=asked)
    assert answer.status_code == 202
    world.deliver()

    assert world.statuses == ["firing", "resolved"]
    labels = world.bodies[0]["alerts"][0]["labels"]
    assert labels["weir_test"]
    assert labels["alertname"] == ("r" if "rule" in asked else "WeirTest")
    assert world.open() == []
    again = Api(world).post("/v1/test", json=asked).json()["items"]
    assert not {one["id"] for one in again} & {one["id"] for one in answer.json()["items"]}


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"receiver": "x"}, 404), ({"rule": "x"}, 404), ({"rule": "silent"}, 409), ({"rule": "lost"}, 409), ({}, 422)],
)
def test_a_test_of_what_is_not_there_says_so(world: World, asked: dict[str, str], status: int) -> None:
    world.rule("silent", receivers=[])
    world.rule("lost", receivers=["nobody"])

    assert Api(world).post("/v1/test", json=asked).status_code == status


def test_a_receiver_that_is_enabled_again_hears_what_fires(world: World) -> None:
    world.rule("r")
    deliveries.switch_off(world.database.connection, "demo", world.now_us)
    world.drift("fired")
    world.wait(5)
    assert world.statuses == []

    Api(world).post("/v1/receivers/demo/enable")
    world.now_us = now_us()
    world.wait(5)
    assert world.statuses == ["firing"]


def test_attempts_are_called_attempts(world: World) -> None:
    world.rule("r")
    world.drift("fired")
    world.wait(5)
    api = Api(world)

    (listed,) = api.get("/v1/deliveries").json()["items"]
    one = api.get(f"/v1/deliveries/{listed['id']}").json()
    assert (listed["attempts"], one["attempts"], len(one["attempt_log"])) == (1, 1, 1)
