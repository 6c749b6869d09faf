"""Closed sets of words: the file, the schemas and the types say the same, and a reader takes a word that it does not know."""

from __future__ import annotations

import json
import pathlib
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tools.schemas import load_words, nested_records

from harness.samples.builders import one_of_each
from weir import events
from weir.events import Event, SpansRecorded, TextFeaturesComputed, decode_body, encode_body

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = load_words(ROOT)
FIELDS = sorted(field for one in WORDS.values() for field in one["fields"])


def documented() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path in (ROOT / "schemas" / "avro").glob("*.avsc"):
        for record in nested_records(json.loads(path.read_text())):
            fields = record["fields"]
            assert isinstance(fields, list)
            yield from ((f"{record['name']}.{field['name']}", field) for field in fields)


@pytest.mark.parametrize("name", WORDS)
def test_the_doc_of_a_field_names_every_word_of_its_set(name: str) -> None:
    fields = {place: field for place, field in documented() if place in WORDS[name]["fields"]}

    assert set(fields) == set(WORDS[name]["fields"])
    assert {field["type"] for field in fields.values()} == {"string"}
    said = {word or "empty" for word in WORDS[name]["words"]}
    assert any(said <= set(re.findall(r"\w+", field["doc"])) for field in fields.values())
    assert typing.get_args(getattr(events, name)) == tuple(WORDS[name]["words"])


def test_an_event_with_a_word_of_a_newer_producer_is_decoded_as_any_other() -> None:
    changed = [event for plain in one_of_each() for event in with_a_new_word(plain)]

    bodies = [(event.EVENT, encode_body(event)) for event in changed]
    assert len(bodies) == len(FIELDS)
    assert [encode_body(decode_body(*one)) for one in bodies] == [body for _, body in bodies]
    assert all(b"parked" in body for _, body in bodies)


def with_a_new_word(event: Any) -> Iterator[Event]:
    own = [field.partition(".")[2] for field in FIELDS if field.startswith(f"{event.EVENT}.")]
    yield from (replace(event, **{name: "parked"}) for name in own)
    if isinstance(event, SpansRecorded):
        yield replace(event, spans=tuple(replace(one, kind="parked") for one in event.spans))  # type: ignore[arg-type]  # such a word
    if isinstance(event, TextFeaturesComputed):
        yield replace(event, items=tuple(replace(one, outcome="parked") for one in event.items))  # type: ignore[arg-type]  # as above
