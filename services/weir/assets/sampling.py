"""Sampling parameters: the names by which a caller steers a model's answer, as a policy may allow them."""

from __future__ import annotations

OUTPUT_TOKENS = "max_tokens"
"""The parameter that bounds the tokens of an answer."""

ALIASES = {"max_completion_tokens": OUTPUT_TOKENS, "max_output_tokens": OUTPUT_TOKENS}
"""Other names of the same parameter: OpenAI's newer ones."""

KNOWN = (
    "max_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "stop", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "n", "best_of", "min_tokens", "stop_token_ids", "ignore_eos", "skip_special_tokens",
    "length_penalty", "early_stopping", "use_beam_search", "beam_width", "logprobs", "prompt_logprobs", "logit_bias",
    "bad_words", "structured_outputs", "random_seed", "return_log_probs", "num_return_sequences",
)  # fmt: skip
"""Names that a policy may allow: those of OpenAI's API and of the vLLM and TensorRT-LLM backends of Triton. Another name is a
misspelling: it would never be sent, and what was meant would be refused."""


def canonical(name: str) -> str:
    """The one name of a parameter."""
    return ALIASES.get(name, name)
