"""The messages of a conversation that is passed on whole: what is in them is known, recorded and sent, or refused by name.

Invariant (K13): no part of a message is dropped or changed. Parts that would make the server fetch or decode something (images,
audio, files) are refused: nothing here says what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weir.access.refusals import Refusal, cut
from weir.gateway.core.conversation import MESSAGES_MAX
from weir.gateway.core.openai_fields import wrong

ROLES = ("system", "developer", "user", "assistant", "tool", "function")

TEXTS = ("name", "tool_call_id", "refusal", "reasoning_content", "reasoning")
"""Keys of a message that are texts, beside role and content."""

EMPTY = ("audio", "annotations")
"""Keys that stock clients send back empty with an answer of before; they go on as they are."""

PARTS: Mapping[str, str] = {"text": "text", "refusal": "refusal"}
"""Types of content parts -> key of their text."""

Conversation = Sequence[Mapping[str, Any]]


def passed_messages(name: str, value: object) -> Conversation:
    """The messages as they came. Raises Refusal naming the message, and the part of it, that is not passed on."""
    if not isinstance(value, list) or not value:
        raise wrong(name, value, "a non-empty list of messages")
    if len(value) > MESSAGES_MAX:
        raise Refusal("invalid_request", f"{name} holds {len(value)} entries; at most {MESSAGES_MAX}", field=name)
    for index, message in enumerate(value):
        _check(message, f"{name}[{index}]")
    return value


def words_of_user(messages: Conversation) -> str:
    """The text of the last message of the user; empty where there is none."""
    for message in reversed(messages):
        if message["role"] == "user":
            return text_of(message.get("content"))
    return ""


def text_of(content: object) -> str:
    """The text of a content, its parts joined."""
    if isinstance(content, list):
        texts = [part.get(key) for part in content if isinstance(part, dict) for key in PARTS.values()]
        return "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _check(message: object, where: str) -> None:
    if not isinstance(message, dict):
        raise wrong(where, message, "an object of role and content")
    if message.get("role") not in ROLES:
        raise wrong(f"{where}.role", message.get("role"), ", ".join(ROLES))
    for key, value in message.items():
        place = f"{where}.{cut(key)}"
        if key == "role" or value is None or (key in EMPTY and not value):
            continue
        if key == "content":
            _check_content(value, place)
        elif key == "tool_calls":
            _check_calls(value, place)
        elif key == "function_call":
            _check_function(value, place)
        elif key not in TEXTS:
            raise Refusal("invalid_request", f"{place} is not passed on; a message has {_known()}", field=place)
        elif not isinstance(value, str):
            raise wrong(place, value, "a text")


def _check_content(value: object, where: str) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise wrong(where, value, "a text or a list of text parts")
    for index, part in enumerate(value):
        place = f"{where}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(part, dict) or not isinstance(kind, str) or kind not in PARTS:
            shown = f"a part of type {cut(str(kind))!r}" if isinstance(part, dict) else f"a JSON {type(part).__name__}"
            raise Refusal("invalid_request", f"{place} is {shown}; only text parts are passed on", field=place)
        extra = next((key for key in part if key not in ("type", PARTS[kind])), None)
        if extra is not None:
            named = f"{place}.{cut(extra)}"
            raise Refusal("invalid_request", f"{named} is not passed on; a part is type and {PARTS[kind]}", field=named)
        if not isinstance(part.get(PARTS[kind]), str):
            raise wrong(f"{place}.{PARTS[kind]}", part.get(PARTS[kind]), "a text")


def _check_calls(value: object, where: str) -> None:
    if not isinstance(value, list):
        raise wrong(where, value, "a list of tool calls")
    for index, call in enumerate(value):
        if not isinstance(call, dict):
            raise wrong(f"{where}[{index}]", call, "an object of id, type and function")
        if call.get("type") == "function":
            _check_function(call.get("function"), f"{where}[{index}].function")


def _check_function(value: object, where: str) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise wrong(where, value, "an object of name and arguments")


def _known() -> str:
    return ", ".join(("role", "content", "tool_calls", "function_call", *TEXTS))
