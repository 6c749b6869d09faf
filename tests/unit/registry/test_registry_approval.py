"""Four eyes: a guarded alias moves to what somebody other than the author approved, by every way there is to move it."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from harness.store.postgres import on_both
from unit.registry.conftest import TOKEN
from weir.registry.adapters.database import Database
from weir.registry.app.app import NotFound, Registry
from weir.registry.core.problems import Refused
from weir.registry.settings import RegistrySettings
from weir.runtime.errors import BadSetting

GUARDED = ("prod",)


def prompt(version: str, aliases: list[str] | None = None) -> dict[str, Any]:
    spec = {"template": f"v{version}: {{{{ question }}}}", "variables": ["question"]}
    return {"kind": "prompt", "name": "p", "version": version, "aliases": aliases or [], "spec": spec}


def apply(registry: Registry, *documents: object, author: str = "ada") -> None:
    registry.apply(documents, author, dry_run=False)


@pytest.fixture
def gated(database: Database) -> Registry:
    return Registry(database, lambda: None, GUARDED)


@pytest.mark.capability("D5", is_check=True, clause="gate")
@pytest.mark.capability("G1")
@on_both
@pytest.mark.slow
def test_a_guarded_alias_moves_only_after_somebody_else_approved(gated: Registry) -> None:
    apply(gated, prompt("1"), prompt("2"))

    with pytest.raises(Refused, match="nobody approved version '1'"):
        gated.move_alias("prompt", "p", "prod", "1", "bob")
    with pytest.raises(Refused, match="'ada' wrote version '1' and cannot approve it"):
        gated.approve("prompt", "p", "1", "ada")
    with pytest.raises(Refused, match="nobody approved"):
        gated.move_alias("prompt", "p", "prod", "1", "bob")
    gated.approve("prompt", "p", "1", "bob")
    gated.approve("prompt", "p", "1", "bob")

    assert gated.move_alias("prompt", "p", "prod", "1", "ada").alias == "prod"
    with pytest.raises(Refused, match="nobody approved version '2'"):
        gated.move_alias("prompt", "p", "prod", "2", "bob")


def test_a_batch_moves_no_guarded_alias_to_what_it_brings_itself(gated: Registry) -> None:
    with pytest.raises(Refused, match=r"document 2 \(prompt/p\) aliases: alias 'prod' moves under four eyes only"):
        apply(gated, prompt("1"), prompt("2", ["prod"]))
    assert gated.versions() == []

    apply(gated, prompt("1", ["dev"]))
    gated.approve("prompt", "p", "dev", "bob")
    apply(gated, prompt("1", ["prod"]))
    assert {one.alias: one.version for one in gated.aliases()} == {"dev": "1", "prod": "1"}
    apply(gated, prompt("1", ["prod"]))


def test_without_the_setting_aliases_move_freely(registry: Registry) -> None:
    apply(registry, prompt("1", ["prod"]))

    assert registry.aliases()[0].alias == "prod"


def test_what_is_not_stored_cannot_be_approved(gated: Registry) -> None:
    with pytest.raises(NotFound):
        gated.approve("prompt", "p", "1", "bob")


async def test_an_approval_over_http_names_who_gave_it(url: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers) as client:
        await client.post("/v1/apply", json={"documents": [prompt("1")], "author": "ada"})
        approved = await client.post("/v1/assets/prompt/p/1/approvals", json={"author": "bob"})
        own = await client.post("/v1/assets/prompt/p/1/approvals", json={"author": "ada"})
        unknown = await client.post("/v1/assets/prompt/p/9/approvals", json={"author": "bob"})
        nobody = await client.post("/v1/assets/prompt/p/1/approvals", json={})

    assert (approved.json()["version"], approved.json()["approved_by"]) == ("1", "bob")
    assert [answer.status_code for answer in (approved, own, unknown, nobody)] == [200, 409, 404, 422]


def test_a_setting_that_names_no_alias_is_refused() -> None:
    assert RegistrySettings(approved_aliases="prod, staging").guarded_aliases() == {"prod", "staging"}
    with pytest.raises(BadSetting, match="WEIR_REGISTRY_APPROVED_ALIASES"):
        RegistrySettings(approved_aliases="prod,no alias").guarded_aliases()
