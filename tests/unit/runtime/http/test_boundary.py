"""What the HTTP boundary lets in: laws over hosts, origins, types and tokens."""

from __future__ import annotations

import base64
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Scope

from harness.http.boundary_client import TOKEN, boundary_client
from weir.runtime.errors import BadSetting
from weir.runtime.http.boundary import Boundary, Refused, refusal
from weir.runtime.http.policy import Policy, policy_of
from weir.runtime.http.server import application
from weir.runtime.loopback import is_loopback, uses_proxy
from weir.runtime.settings import SharedSettings

POLICY = Policy(token=TOKEN, hosts=frozenset({"weir.example"}), body_bytes_max=100)
OWN_HOST = (b"host", b"127.0.0.1:1")
header_text = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40)
HOST_FORMS = ("{}:80", "{}.", "{}/", "x@{}", "{}#", "evil.{}", "{}.evil", "{}:", "{}:x", "{}:80:80", " {}")
near_host = st.one_of(
    header_text,
    st.text("lochst127.0:[]@/?# %ewir\t", max_size=24),
    st.sampled_from(["localhost", "127.0.0.1", "[::1]", "weir.example"]).flatmap(
        lambda name: st.sampled_from([form.format(name) for form in HOST_FORMS])
    ),
)


@given(near_host)
def test_only_names_of_this_service_are_served(host: str) -> None:
    refused = refusal("GET", [(b"host", host.encode("latin-1"))], POLICY)

    name = (
        host.strip().lower().rpartition(":")[0] if host.strip().rpartition(":")[2].isdigit() else host.strip().lower()
    )
    if refused is None:
        assert name.strip("[]") == "weir.example" or is_loopback(name.strip("[]"))
    else:
        assert (refused.reason, refused.status) == ("host", 421)


@given(
    header_text | st.sampled_from(["http", "https", "file", "ftp", "", "null"]).map("{}://127.0.0.1:1".format),
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
)
def test_an_origin_comes_in_only_when_it_is_the_host_itself(origin: str, method: str) -> None:
    headers = [OWN_HOST, (b"origin", origin.encode("latin-1"))]

    refused = refusal(method, headers, POLICY)

    assert (refused is None) == (origin.strip().lower() == "http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [("https://weir.example", True), ("http://weir.example", True), ("file://weir.example", False)],
)
def test_a_name_of_the_settings_may_have_a_proxy_with_tls_before_it(origin: str, is_own: bool) -> None:
    refused = refusal("GET", [(b"host", b"weir.example"), (b"origin", origin.encode())], POLICY)

    assert (refused is None) is is_own


@given(header_text, st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]))
def test_a_body_is_json_or_refused(kind: str, method: str) -> None:
    headers = [OWN_HOST, (b"content-type", kind.encode("latin-1")), (b"content-length", b"2")]

    refused = refusal(method, headers, POLICY)

    essence = kind.partition(";")[0].strip().lower()
    if refused is None:
        assert essence.startswith("application/")
        assert essence.removeprefix("application/").rpartition("+")[2] == "json"
    else:
        assert refused.status == 415


@given(st.text(string.printable, max_size=60), st.sampled_from(["Bearer", "Basic", "bearer", "Token", ""]))
def test_no_other_text_is_the_token(text: str, scheme: str) -> None:
    value = base64.b64encode(text.encode()).decode() if scheme == "Basic" else text
    is_the_token = text.strip() == TOKEN if scheme.lower() == "bearer" else text.partition(":")[2].strip() == TOKEN

    assert POLICY.admits(f"{scheme} {value}".encode()) == (is_the_token and scheme.lower() in ("bearer", "basic"))
    assert not Policy(token="").admits(f"{scheme} {value}".encode())


@pytest.mark.parametrize(
    "name", ["host", "origin", "content-type", "content-length", "authorization", "sec-fetch-site", "transfer-encoding"]
)
def test_a_header_that_decides_is_sent_once(name: str) -> None:
    twice = [OWN_HOST, (name.encode(), b"127.0.0.1"), (name.encode(), b"127.0.0.1")]

    refused = refusal("GET", twice, POLICY)

    assert refused is not None
    assert (refused.reason, refused.status) == ("ambiguous", 400)


@pytest.mark.parametrize("length", ["101", "9" * 30])
def test_a_body_above_the_limit_is_refused_before_it_is_read(length: str) -> None:
    headers = [OWN_HOST, (b"content-type", b"application/json"), (b"content-length", length.encode())]

    refused = refusal("POST", headers, POLICY)

    assert refused is not None
    assert refused.status == 413


async def test_a_body_without_a_length_is_cut_at_the_limit() -> None:
    async def pieces() -> object:
        for _ in range(11):
            yield b"0123456789"

    async with boundary_client(_echo()) as client:
        answer = await client.post("/echo", content=pieces(), headers={"content-type": "application/json"})  # type: ignore[arg-type]  # httpx2 types no async generator here

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path", ["/echo", "//echo", "/echo/", "/%65cho", "/echo?x=http://localhost/healthz", "/healthz/../echo"]
)
async def test_the_path_is_what_decides_however_it_is_written(path: str) -> None:
    async with boundary_client(_echo(), authorization="") as client:
        assert (await client.get(path)).status_code in (401, 404)


async def test_a_service_without_a_token_keeps_its_routes_closed() -> None:
    async with boundary_client(_echo(Policy(token=""))) as client:
        assert (await client.get("/echo")).status_code == 401
        assert (await client.get("/readyz")).status_code == 200


async def test_beyond_loopback_readiness_says_one_word_to_a_stranger() -> None:
    door = application(lambda: {"kafka": "no broker at 10.0.0.7"}, Policy(host="0.0.0.0", token=TOKEN))
    async with boundary_client(door, authorization="", host="10.0.0.2:8080") as client:
        assert (await client.get("/readyz")).json() == {"ready": False}
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/healthz")).status_code == 200
    async with boundary_client(door, host="10.0.0.2") as client:
        assert (await client.get("/readyz")).json()["missing"] == {"kafka": "no broker at 10.0.0.7"}


async def test_a_method_that_no_route_has_is_refused_in_the_form_of_the_services_clients() -> None:
    def page_of(_: Scope, refused: Refused) -> Response:
        return PlainTextResponse(refused.reason, status_code=refused.status)

    async with boundary_client(application(dict, POLICY, [Route("/echo", _words)], page_of)) as client:
        refused = await client.put("/echo", json={})
        assert (refused.status_code, refused.text) == (405, "method_not_allowed")
        assert "GET" in refused.headers["allow"]
        assert (await client.get("/nothing")).text == "not_found"


def test_a_kind_of_route_that_the_door_cannot_guard_is_refused() -> None:
    with pytest.raises(TypeError, match="only Route and DeclaredRoute"):
        application(dict, POLICY, [Mount("/files", routes=[])])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "weir.example", ""])
def test_no_service_starts_beyond_loopback_without_a_token(host: str) -> None:
    with pytest.raises(BadSetting, match="there is no token"):
        policy_of(SharedSettings(http_host=host))
    assert policy_of(SharedSettings(http_host=host, http_token=SecretStr(TOKEN))).token == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_service_on_loopback_starts_without_one(host: str) -> None:
    assert policy_of(SharedSettings(http_host=host)).is_local


@pytest.mark.parametrize(
    "token", ["short", "a token with spaces in it", "schlüssel-schlüssel", "two\nlines-of-a-token"]
)
def test_a_weak_or_unsendable_token_is_refused(token: str) -> None:
    with pytest.raises(BadSetting, match="expected at least 16"):
        policy_of(SharedSettings(http_token=SecretStr(token)))


@pytest.mark.parametrize("hosts", ["*", "http://a.example", "a.example:80", "a b", "-"])
def test_a_host_is_named_without_port_or_pattern(hosts: str) -> None:
    with pytest.raises(BadSetting, match="WEIR_HTTP_HOSTS"):
        policy_of(SharedSettings(http_hosts=hosts))


def test_the_token_may_come_from_a_file_which_must_hold_one(tmp_path: Path) -> None:
    path = tmp_path / "http.token"
    with pytest.raises(BadSetting, match="cannot be read"):
        policy_of(SharedSettings(http_token_file=path))
    path.write_text("\n")
    with pytest.raises(BadSetting, match="is empty"):
        policy_of(SharedSettings(http_token_file=path))
    path.write_text(TOKEN + "\n")
    settings = SharedSettings(http_token_file=path)
    assert policy_of(settings).token == TOKEN
    assert TOKEN not in repr(settings) + repr(policy_of(settings))


def test_loopback_is_never_asked_through_a_proxy() -> None:
    assert not any(map(uses_proxy, ["http://127.0.0.1:1/x", "http://localhost", "http://[::1]:8"]))
    assert uses_proxy("http://weir.example")


async def _words(_: Request) -> Response:
    return PlainTextResponse("words")


def _echo(policy: Policy = POLICY) -> Boundary:
    async def echo(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    return application(dict, policy, [Route("/echo", echo, methods=["GET", "POST"])])


@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        ([(b"x-key", TOKEN.encode())], True),
        ([(b"x-key", b"wrong")], False),
        ([(b"x-key", f"Bearer {TOKEN}".encode())], False),
        ([(b"x-key", TOKEN.encode()), (b"authorization", f"Bearer {TOKEN}".encode())], False),
        ([(b"authorization", f"Bearer {TOKEN}".encode())], True),
        ([(b"x-other", TOKEN.encode())], False),
        ([], False),
    ],
)
def test_another_header_carries_the_bare_token_only_where_it_is_declared(
    headers: list[tuple[bytes, bytes]], is_let_in: bool
) -> None:
    assert Policy(token=TOKEN, key_header=b"x-key").lets_in(headers) == is_let_in
    assert Policy(key_header=b"x-key").lets_in(headers) is False
    undeclared = [one for one in headers if one[0] != b"authorization"]
    assert Policy(token=TOKEN).lets_in(undeclared) is False


def test_a_declared_header_of_the_token_is_sent_once() -> None:
    twice = [(b"host", b"localhost"), (b"x-key", b"a"), (b"x-key", b"a")]
    refused = refusal("GET", twice, Policy(token=TOKEN, key_header=b"x-key"))

    assert refused is not None
    assert refused.reason == "ambiguous"


def test_a_body_of_any_type_comes_in_only_where_it_is_declared_and_is_bounded_there_too() -> None:
    headers = [(b"host", b"localhost"), (b"content-type", b"text/plain"), (b"content-length", b"11")]

    assert refusal("POST", headers, Policy(is_any_body=True, body_bytes_max=11)) is None
    for policy in (Policy(), Policy(is_any_body=True, body_bytes_max=10)):
        assert refusal("POST", headers, policy) is not None


@pytest.mark.parametrize(
    ("coding", "status"), [(b"chunked", None), (b"Chunked", None), (b"gzip, chunked", 501), (b"chunked, chunked", 501)]
)
def test_a_body_comes_in_chunks_and_in_no_other_coding(coding: bytes, status: int | None) -> None:
    headers = [OWN_HOST, (b"content-type", b"application/json"), (b"transfer-encoding", coding)]

    refused = refusal("POST", headers, POLICY)

    assert (refused and refused.status) == status
    assert refused is None or coding.decode() in refused.detail
