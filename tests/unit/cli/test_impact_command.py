"""`weir lineage impact`: what nobody knows is not found; what is known and in no answer is in 0 answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from harness.samples.builders import DIGEST, completed
from weir.cli import client
from weir.cli.commands_store import lineage_impact
from weir.cli.output import CliError, ExitCode
from weir.events import Reference
from weir.registry.adapters import outbox
from weir.registry.adapters.database import Database
from weir.registry.api.assets import AssetApi
from weir.registry.app.app import Registry
from weir.registry.settings import RegistrySettings

Put = Callable[..., None]
UNUSED = {"kind": "prompt", "name": "unused", "version": "1", "spec": {"template": "{{ q }}", "variables": ["q"]}}


@pytest.fixture
def registry(lineage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real registry, which the commands find beside lineage; it knows one prompt."""
    database = Database(make_url(f"sqlite:///{tmp_path / 'registry.db'}"))
    with database.writing() as connection:
        outbox.set_up_numbering(connection, "registry/test", 1)
    settings = RegistrySettings(data_dir=tmp_path, http_token=SecretStr(TOKEN))
    with pages(AssetApi(Registry(database, lambda: None), settings).routes()) as url:
        monkeypatch.setenv("WEIR_REGISTRY_URL", url)
        client.send("registry", "POST", "/v1/apply", {"documents": [UNUSED], "author": "a"})
        yield
    database.close()


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("kind", "name", "version", "said"),
    [
        ("dataset", "nosuch", "", "dataset 'nosuch', and"),
        ("passage", "nosuch", "", "passage 'nosuch', and"),
        ("prompt", "unused", "9", "prompt 'unused' 9, and"),
    ],
)
def test_what_neither_store_nor_registry_knows_is_named_and_not_found(
    kind: str, name: str, version: str, said: str
) -> None:
    with pytest.raises(CliError, match=said) as refused:
        lineage_impact(kind, name, version=version)

    assert refused.value.code is ExitCode.NOT_FOUND


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize("version", ["", "1"])
def test_what_is_known_and_in_no_answer_is_in_none(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    lineage_impact("prompt", "unused", version=version)

    assert "prompt unused: 0 answers, routes none" in capsys.readouterr().out


@pytest.mark.usefixtures("lineage")
def test_passages_are_listed_for_the_content_and_a_dataset_says_so(
    put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    definition = Reference(kind="dataset", name="python-docs", version="1", digest=f"sha256:{'d' * 64}")
    content = Reference(kind="index", name="python-docs", version="", digest=DIGEST)
    put("inference-responses", completed(0, references=(definition, content)))

    lineage_impact("dataset", "python-docs")
    of_definition = capsys.readouterr().out.splitlines()
    lineage_impact("index", "python-docs")
    of_content = capsys.readouterr().out.splitlines()

    assert of_definition == [
        "dataset python-docs: 1 answers, routes docs-qa",
        "passages belong to the content that was served: weir lineage impact index python-docs",
    ]
    assert of_content[0] == "index python-docs: 1 answers, routes docs-qa"
    assert [line.split()[0] for line in of_content[1:]] == ["passage", "topics/for#0"]


@pytest.mark.usefixtures("lineage")
def test_what_the_store_alone_knows_needs_no_registry(put: Put, capsys: pytest.CaptureFixture[str]) -> None:
    call = completed(0)
    put("inference-responses", call)
    part = call.references[0]

    lineage_impact(part.kind, part.name)

    assert "1 answers" in capsys.readouterr().out
