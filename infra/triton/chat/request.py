"""One request: its text, how it is to be answered, and which facts it asks for beside the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bad_request import BadRequest

from chat.sampling import Sampling, sampling_in


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be answered."""

    text: str
    sampling: Sampling
    is_stream: bool
    prepends_text: bool
    """Whether the text stands before the answer, as the vLLM backend has it unless a request says otherwise."""
    facts: frozenset[str]
    """Outputs beside the text that were asked for."""

    def returns(self, fact: str) -> bool:
        """Whether the output of this name was asked for."""
        return fact in self.facts


def asked_in(
    text: bytes | None, parameters: bytes | None, flags: Mapping[str, bool | None], otherwise: Sampling | None = None
) -> Asked:
    """A request read from its inputs; None is an input that was not sent. otherwise: sampling where nothing is said.

    Raises BadRequest naming the input that cannot be used.
    """
    if text is None:
        raise BadRequest("text_input is missing; send it as BYTES of shape [1]")
    is_stream = bool(flags.get("stream"))
    sampling = sampling_in(_decoded("sampling_parameters", parameters or b""), otherwise or Sampling())
    facts = frozenset(name.removeprefix("return_") for name, on in flags.items() if on and name.startswith("return_"))
    if facts & {"cumulative_logprob", "logprobs"} and sampling.logprobs is None:
        sampling = replace(sampling, logprobs=0)
    return Asked(
        _decoded("text_input", text),
        sampling,
        is_stream,
        _prepends(is_stream, flags.get("exclude_input_in_output")),
        facts,
    )


def _prepends(is_stream: bool, excludes: bool | None) -> bool:
    if not is_stream:
        return not excludes
    if excludes is not None and not excludes:
        raise BadRequest("exclude_input_in_output is false and stream is true; a stream repeats no input, send true")
    return False


def _decoded(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"{name} is not UTF-8: {error.reason} at byte {error.start}; send UTF-8") from error
