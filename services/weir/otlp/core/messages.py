"""The words of a model call, as three conventions write them: OpenTelemetry's `gen_ai.*` (current and older), the flattened
attributes of OpenLLMetry, and OpenInference's `llm.*`.

Law: whatever the attributes hold, the messages are those that could be read; nothing raises, and no role is made up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from weir.events.loose_json import clean, loose_json
from weir.otlp.core.span import CheckedSpan
from weir.otlp.core.values import plain_of

MESSAGES_MAX = 1_024
"""Messages read of one call; those after them are left out and the input counts as cut. Chosen: a quarter of LOOKED_AT_MAX."""

INPUT_FLAT = ("llm.input_messages", "gen_ai.prompt")
OUTPUT_FLAT = ("llm.output_messages", "gen_ai.completion")
FLAT = re.compile(r"(llm\.input_messages|llm\.output_messages|gen_ai\.prompt|gen_ai\.completion)\.([0-9]{1,6})\.(.+)")
"""Of one message: `llm.input_messages.0.message.content` of OpenInference, `gen_ai.prompt.0.content` of OpenLLMetry."""

CONTENTS = re.compile(r"contents\.[0-9]{1,6}\.message_content\.text")
"""A text part of a message, after `message.`."""

OLDER_EVENTS: Mapping[str, str] = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
"""Events of semantic conventions before 1.37, and whose words they hold."""

CHOICE = "gen_ai.choice"
DETAILS = "gen_ai.client.inference.operation.details"
"""Event of the current conventions that may hold what attributes hold."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message. role: empty where the sender named none."""

    role: str
    text: str
    finish_reason: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was asked and answered."""

    asked: tuple[Said, ...] = ()
    answered: tuple[Said, ...] = ()
    is_cut: bool = False
    """Whether there were more messages than are read."""

    @property
    def input_text(self) -> str:
        """All that was asked; a message alone as it is, several each behind its role."""
        return _joined(self.asked)

    @property
    def user_text(self) -> str:
        """The last message of the user; all that was asked where no message names a user."""
        said = [one.text for one in self.asked if one.role == "user"]
        return said[-1] if said else self.input_text

    @property
    def output_text(self) -> str:
        """All that was answered; several choices one below the other."""
        return "\n".join(one.text for one in self.answered if one.text)

    @property
    def finish_reason(self) -> str:
        """Of the first answer that has one."""
        return next((one.finish_reason for one in self.answered if one.finish_reason), "")


def conversation_of(span: CheckedSpan) -> Conversation:
    """The words of a call: of the first convention that has any, for each side."""
    flat, is_cut = _flat(span.attributes)
    asked = (
        _current(span, "gen_ai.system_instructions", "system") + _current(span, "gen_ai.input.messages", "")
        or _of_flat(flat, INPUT_FLAT)
        or _older(span, OLDER_EVENTS)
        or _plain_prompt(span)
    )
    answered = (
        _current(span, "gen_ai.output.messages", "assistant")
        or _of_flat(flat, OUTPUT_FLAT)
        or _choices(span)
        or _plain_completion(span)
    )
    is_cut = is_cut or max(len(asked), len(answered)) > MESSAGES_MAX
    return Conversation(tuple(asked[:MESSAGES_MAX]), tuple(answered[:MESSAGES_MAX]), is_cut)


def _current(span: CheckedSpan, name: str, role: str) -> list[Said]:
    """Messages in one attribute: a list of {"role", "parts"}, as a value or as JSON; system instructions are the parts alone."""
    value = span.attributes.get(name)
    if value is None:
        value = next(
            (one.attributes[name] for one in span.events if one.name == DETAILS and name in one.attributes), None
        )
    found = _json_of(value)
    if not isinstance(found, list):
        return [Said(role, found)] if isinstance(found, str) and found else []
    if role == "system" and all(
        isinstance(one, str) or (isinstance(one, dict) and "parts" not in one) for one in found
    ):
        return [Said(role, text)] if (text := _parts(found)) else []
    return [_message(one, role) for one in found if isinstance(one, dict)]


def _message(found: Mapping[str, object], role: str) -> Said:
    content = found.get("parts", found.get("content"))
    text = _parts(content) if isinstance(content, list) else _as_text(content)
    if isinstance(found.get("tool_calls"), list):
        text = "\n".join(word for word in (text, _as_text(found["tool_calls"])) if word)
    return Said(_word(found.get("role")) or role, text, _word(found.get("finish_reason")))


def _parts(parts: Sequence[object]) -> str:
    """Text parts as they are, any other (a tool call, its result, a blob) as JSON: nothing that was said is left out."""
    return "\n".join(text for part in parts if (text := _part(part)))


def _part(part: object) -> str:
    if isinstance(part, dict) and part.get("type", "text") in ("text", "input_text", "output_text"):
        content = part.get("content", part.get("text"))
        if isinstance(content, str):
            return content
    return _as_text(part)


def _flat(attributes: Mapping[str, AnyValue]) -> tuple[dict[str, dict[int, dict[str, str]]], bool]:
    """Flattened messages: by prefix, by number, the rest of the name -> text; and whether some were left out."""
    found: dict[str, dict[int, dict[str, str]]] = {}
    is_cut = False
    for name, value in attributes.items():
        if (match := FLAT.fullmatch(name)) is None:
            continue
        messages = found.setdefault(match[1], {})
        number = int(match[2])
        if number not in messages and len(messages) >= MESSAGES_MAX:
            is_cut = True
            continue
        messages.setdefault(number, {})[match[3].removeprefix("message.")] = _as_text(plain_of(value))
    return found, is_cut


def _of_flat(flat: Mapping[str, Mapping[int, Mapping[str, str]]], prefixes: Iterable[str]) -> list[Said]:
    for prefix in prefixes:
        if prefix in flat:
            return [_said(fields) for _, fields in sorted(flat[prefix].items())]
    return []


def _said(fields: Mapping[str, str]) -> Said:
    texts = [fields["content"]] if fields.get("content") else []
    texts += [text for name, text in fields.items() if CONTENTS.fullmatch(name)]
    calls = {name: text for name, text in fields.items() if name.startswith(("tool_calls.", "function_call"))}
    if calls:
        texts.append(_as_text(calls))
    return Said(fields.get("role", ""), "\n".join(texts), fields.get("finish_reason", ""))


def _older(span: CheckedSpan, roles: Mapping[str, str]) -> list[Said]:
    return [
        Said(roles[event.name], _as_text(_json_of(event.attributes.get("content"))))
        for event in span.events
        if event.name in roles and "content" in event.attributes
    ]


def _choices(span: CheckedSpan) -> list[Said]:
    """Answers in events of before 1.37: `gen_ai.choice` with a `message`, or with its `content` beside it."""
    found = []
    for event in span.events:
        if event.name == CHOICE:
            message = _json_of(event.attributes.get("message"))
            reason = _word(_json_of(event.attributes.get("finish_reason")))
            if isinstance(message, dict):
                said = _message(message, "assistant")
                found.append(Said(said.role, said.text, reason or said.finish_reason))
            else:
                found.append(Said("assistant", _as_text(message or _json_of(event.attributes.get("content"))), reason))
    return found


def _plain_prompt(span: CheckedSpan) -> list[Said]:
    """A prompt that is no conversation: of a completion or of embeddings, or what OpenInference saw go in."""
    texts = [text for name, text in _texts(span, "embedding.embeddings.", ".embedding.text")]
    if texts:
        return [Said("", "\n".join(texts))]
    return _one(
        span, "embedding.text", "gen_ai.prompt", "llm.prompts", event="gen_ai.content.prompt", last="input.value"
    )


def _plain_completion(span: CheckedSpan) -> list[Said]:
    if span.word("openinference.span.kind") == "EMBEDDING":
        return []  # the answer is vectors, and no words
    return _one(span, "gen_ai.completion", event="gen_ai.content.completion", last="output.value")


def _one(span: CheckedSpan, *names: str, event: str, last: str) -> list[Said]:
    for name in names:
        if text := _as_text(plain_of(span.attributes[name])) if name in span.attributes else "":
            return [Said("", text)]
    for one in span.events:
        for name in names:
            if one.name == event and name in one.attributes:
                return [Said("", _as_text(plain_of(one.attributes[name])))]
    return [Said("", text)] if (text := span.word(last)) else []


def _texts(span: CheckedSpan, start: str, end: str) -> Iterable[tuple[str, str]]:
    for name, value in span.attributes.items():
        if name.startswith(start) and name.endswith(end):
            yield name, _as_text(plain_of(value))


def _json_of(value: AnyValue | None) -> object:
    """A value, and what a text says where it is JSON; the text itself where it is none."""
    found = None if value is None else plain_of(value)
    if isinstance(found, str) and found[:1] in ("[", "{"):
        return loose_json(found) or found
    return found


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return clean(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _joined(messages: Sequence[Said]) -> str:
    if len(messages) == 1:
        return messages[0].text
    return "\n".join(f"{one.role}: {one.text}" if one.role else one.text for one in messages)
