"""Keys: only the right text opens, only what it was given for, and a missing one opens nothing by default."""

from __future__ import annotations

import base64

import pytest

from harness.samples.builders import NOON_US
from weir.access.keys import ApiKey, caller_of, parse_keys
from weir.access.refusals import Refusal
from weir.cli.stack.secrets import new_key


def made(*scopes: str, **fields: object) -> tuple[str, dict[str, ApiKey]]:
    text, stored = new_key("k", "acme", scopes or ("infer",))
    return text, parse_keys({"keys": [{**stored, **fields}]})


@pytest.mark.capability("G1")
def test_the_tenant_comes_from_the_key() -> None:
    text, keys = made()

    assert caller_of(f"Bearer {text}", keys, NOON_US).tenant == "acme"


def test_the_text_of_a_key_is_not_stored() -> None:
    text, keys = made()

    assert text not in str(keys)
    assert text.split("_", 2)[2] not in str(keys), "the secret may hold underscores of its own"


def test_each_key_has_a_secret_of_its_own_of_256_bits() -> None:
    secrets = {new_key("k", "acme", ("infer",))[0].split("_", 2)[2] for _ in range(1_000)}

    assert len(secrets) == 1_000
    assert {len(base64.urlsafe_b64decode(f"{secret}=")) for secret in secrets} == {32}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer sk-abc", "Basic abc", "Bearer weir_00000000_" + "x" * 43]
)
def test_anything_but_a_known_key_is_refused(authorization: str) -> None:
    _, keys = made()

    with pytest.raises(Refusal) as raised:
        caller_of(authorization, keys, NOON_US)

    assert raised.value.error_type == "unauthenticated"


def test_a_changed_secret_under_a_known_prefix_is_refused_and_not_repeated() -> None:
    text, keys = made()
    forged = text[:-1] + ("A" if text[-1] != "A" else "B")

    with pytest.raises(Refusal) as raised:
        caller_of(f"Bearer {forged}", keys, NOON_US)

    assert forged not in raised.value.message


def test_an_expired_key_is_refused() -> None:
    text, keys = made("infer", expires_us=NOON_US)

    with pytest.raises(Refusal, match="expired"):
        caller_of(f"Bearer {text}", keys, NOON_US)


def test_a_scope_that_was_not_given_is_named() -> None:
    text, keys = made("models")

    with pytest.raises(Refusal, match="needs infer"):
        caller_of(f"Bearer {text}", keys, NOON_US).demand("infer")


def test_a_route_that_was_not_given_is_refused() -> None:
    text, keys = made("infer", routes=["docs-*"])
    caller = caller_of(f"Bearer {text}", keys, NOON_US)

    caller.demand_route("docs-qa", asked="docs-qa")
    with pytest.raises(Refusal, match="not for route 'asked'"):
        caller.demand_route("other", asked="asked")


def test_anonymous_callers_may_ask_and_look_and_nothing_else() -> None:
    caller = caller_of("", {}, NOON_US, anonymous_tenant="local")

    caller.demand("infer")
    with pytest.raises(Refusal):
        caller.demand("admin")


@pytest.mark.parametrize(
    "document", [[], {}, {"keys": ["x"]}, {"keys": [{"id": "a"}]}, {"keys": [{"id": "a", "scopes": ["everything"]}]}]
)
def test_a_broken_keys_file_is_named(document: object) -> None:
    with pytest.raises(ValueError, match="key"):
        parse_keys(document)
