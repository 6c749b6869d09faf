"""What the OpenAI API serves, and the answer to a path or method that it does not."""

from __future__ import annotations

from weir.access.refusals import Refusal

SERVED = (
    "POST /v1/chat/completions",
    "POST /v1/completions",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v1/models/{model}",
    "POST /v1/feedback",
)
"""Every method and path, as a client writes them."""

PATH_CHARS_SHOWN = 200
"""Characters of a path that the error repeats."""


def not_served(method: str, path: str) -> Refusal:
    """Why nobody answers there, and where the answer is."""
    shown = path[:PATH_CHARS_SHOWN]
    return Refusal("not_served", f"{method} {shown} is not served{_hint(path)}; served: {', '.join(SERVED)}")


def _hint(path: str) -> str:
    if path.startswith("/v1/responses"):
        return " (the Responses API keeps conversations, this API does not; use chat completions)"
    if path.startswith("/openai/"):
        return " (Azure's paths are not; set the base URL to .../v1 and name the model in the body)"
    if not path.startswith("/v1/") and any(f"/v1{path}" == entry.split(" ")[1] for entry in SERVED):
        return " (the base URL must end in /v1)"
    return ""
