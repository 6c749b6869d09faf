"""Schema text: a valid Avro schema, and the digest under which equal schemas share one id."""

from __future__ import annotations

import json

import avro.errors
import avro.schema
import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from weir.events import digest_of


class InvalidSchema(Exception):
    """The text is no Avro schema; the message says why."""


def schema_digest(text: str) -> str:
    """Digest of an Avro schema, the same for any layout of its JSON. Raises InvalidSchema for anything else.

    Two parsers must accept it: Apache's for the names and the rules, fastavro for the defaults and because our own
    services read with it.
    """
    try:
        value = json.loads(text)
        avro.schema.parse(text)
        fastavro.parse_schema(value)
        return digest_of(value)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidSchema(f"not an Avro schema: {error}") from error
    except (avro.errors.AvroException, SchemaParseException, UnknownType) as error:
        raise InvalidSchema(f"not an Avro schema: {error}") from error
