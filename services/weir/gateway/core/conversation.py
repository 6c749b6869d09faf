"""A conversation as one prompt: every message reaches the model, or the request is refused by the message that would not.

Invariant (K13): no message is dropped. A template takes them in by its variables:
- `question`: the last message, which must be the user's.
- `system`: the system and developer messages, one after the other.
- `history`: the messages before the question as `role: text` lines; with the system messages where there is no `system`.
A route without a template takes a single user message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir.access.refusals import Refusal, cut
from weir.assets.template import filled, variables_of
from weir.gateway.core.openai_fields import wrong

MESSAGES_MAX = 512
"""Messages of a conversation: a day of turns by hand; beyond it a client has lost count."""

SYSTEM_ROLES = ("system", "developer")
ROLES = (*SYSTEM_ROLES, "user", "assistant")

EMPTY_PARTS = ("tool_calls", "function_call", "refusal", "audio", "annotations", "name")
"""Parts that stock clients send back empty with an answer of before; with a value they would have to reach the model."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; its text is all there is to it."""

    role: str
    text: str


def read_messages(name: str, value: object) -> tuple[Message, ...]:
    """The messages. Raises Refusal naming the message, and the part of it, that cannot be used."""
    if not isinstance(value, list) or not value:
        raise wrong(name, value, "a non-empty list of {role, content}")
    if len(value) > MESSAGES_MAX:
        raise Refusal("invalid_request", f"{name} holds {len(value)} entries; at most {MESSAGES_MAX}", field=name)
    return tuple(_message(item, f"{name}[{index}]") for index, item in enumerate(value))


def question_of(messages: Sequence[Message]) -> str:
    """The last message. Raises Refusal when it is not the user's: nothing here goes on with a begun answer."""
    last = messages[-1]
    if last.role != "user":
        where = f"messages[{len(messages) - 1}]"
        raise Refusal(
            "invalid_request",
            f"{where} is the last message and has the role {last.role!r}; the last one must be the user's question, "
            "a begun answer is not continued",
            field=where,
        )
    return last.text


def prompt_of(template: str | None, messages: Sequence[Message]) -> str:
    """The prompt with every message in it. Raises Refusal naming the first message that it has no place for."""
    names = {"question"} if template is None else set(variables_of(template))
    for index, message in enumerate(messages):
        if not names & _homes(message, is_last=index == len(messages) - 1):
            raise _homeless(template, message, index, is_last=index == len(messages) - 1)
    if template is None:
        return question_of(messages)
    earlier = [message for message in messages[:-1] if "system" not in names or message.role not in SYSTEM_ROLES]
    return rendered(
        template,
        {
            "question": question_of(messages),
            "system": "\n".join(message.text for message in messages if message.role in SYSTEM_ROLES),
            "history": "\n".join(f"{message.role}: {message.text}" for message in earlier),
        },
    )


def rendered(template: str, values: Mapping[str, str]) -> str:
    """The template with its variables filled in. Raises Refusal naming a variable that has no value."""
    missing = sorted(set(variables_of(template)) - set(values))
    if missing:
        raise Refusal(
            "invalid_request",
            f"the prompt template wants {', '.join(missing)}; this API knows {', '.join(sorted(values))}",
        )
    return filled(template, values)


def _homes(message: Message, *, is_last: bool) -> set[str]:
    """The variables that would take this message in."""
    if is_last:
        return {"question"}
    return {"system", "history"} if message.role in SYSTEM_ROLES else {"history"}


def _homeless(template: str | None, message: Message, index: int, *, is_last: bool) -> Refusal:
    where, wanted = f"messages[{index}]", sorted(_homes(message, is_last=is_last))
    place = " or ".join(f"{{{{ {name} }}}}" for name in wanted)
    otherwise = "" if is_last else ", or send the question alone"
    reason = "this route has no prompt" if template is None else "the prompt of this route has no such place"
    return Refusal(
        "invalid_request",
        f"{where} ({message.role}) would not reach the model: {reason}; register a prompt with {place}{otherwise}",
        field=where,
    )


def _message(item: object, where: str) -> Message:
    if not isinstance(item, dict):
        raise wrong(where, item, "an object of role and content")
    role = item.get("role")
    if role not in ROLES:
        raise wrong(f"{where}.role", role, ", ".join(ROLES))
    for name, value in item.items():
        if name in ("role", "content") or value is None or (name in EMPTY_PARTS and not value and value is not False):
            continue
        field = f"{where}.{cut(name)}"
        raise Refusal(
            "invalid_request", f"{field} would not reach the model; a message is role and content", field=field
        )
    return Message(role, _content(item.get("content"), f"{where}.content"))


def _content(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise wrong(where, value, "a text or a list of text parts")
    return "".join(_part(part, f"{where}[{index}]") for index, part in enumerate(value))


def _part(part: object, where: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind != "text":
        shown = f"a part of type {cut(str(kind))!r}" if isinstance(part, dict) else f"a JSON {type(part).__name__}"
        raise Refusal("invalid_request", f"{where} is {shown}; only text parts are taken", field=where)
    extra = next((name for name, value in part.items() if name not in ("type", "text") and value is not None), None)
    if extra is not None:
        field = f"{where}.{cut(extra)}"
        raise Refusal("invalid_request", f"{field} would not reach the model; a part is type and text", field=field)
    text = part.get("text")
    if not isinstance(text, str):
        raise wrong(f"{where}.text", text, "a text")
    return text
