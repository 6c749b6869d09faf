"""What a route's policy lets a caller ask for.

Invariant (K13): a limit that is written down is kept, at both APIs, before anything is recorded or sent. `input_bytes_max` is
the size of the request, `parameters_allowed` the sampling parameters that may be given, `output_tokens_max` the most that
`max_tokens` may ask for; `answer_bound` sends that bound where a caller asks for no length.
"""

from __future__ import annotations

from collections.abc import Mapping

from tritonclient.grpc import service_pb2

from weir.access.refusals import Refusal, cut
from weir.assets.policy import Policy
from weir.gateway.core.wire import OPENAI_NAMES, PARAMETER_BYTES_MAX, parameters_of


def limits_parameters(policy: Policy) -> bool:
    """Whether the policy says anything about sampling parameters; only then a request of bytes needs to be read."""
    return policy.parameters_allowed is not None or policy.output_tokens_max is not None


def parameters_in(request: service_pb2.ModelInferRequest) -> dict[str, object]:
    """The parameters of an inference request. Raises Refusal where they cannot be read, so that none escapes."""
    found = parameters_of(request)
    if found is None:
        text = f"sampling_parameters is no JSON object of at most {PARAMETER_BYTES_MAX:,} bytes"
        raise Refusal("invalid_request", f"{text}; the policy of the route must read it")
    return {OPENAI_NAMES.get(name, name): value for name, value in found.items()}


def demand_size(policy: Policy, route: str, wire_bytes: int) -> None:
    """Raises Refusal for a request that is too large."""
    limit = policy.input_bytes_max
    if limit is not None and wire_bytes > limit:
        raise Refusal(
            "payload_too_large", f"the request has {wire_bytes} bytes; the policy of {route!r} allows {limit}"
        )


def demand_parameters(policy: Policy, route: str, parameters: Mapping[str, object]) -> None:
    """Raises Refusal naming the parameter that the policy does not allow, or allows less of."""
    allowed = policy.parameters_allowed
    for name in parameters:
        if allowed is not None and name not in allowed:
            names = ", ".join(sorted(allowed)) or "none"
            text = f"{cut(name)!r} is not allowed by the policy of {route!r}; allowed: {names}"
            raise Refusal("invalid_request", text, field=cut(name))
    limit = policy.output_tokens_max
    if limit is None or "max_tokens" not in parameters:
        return
    asked = parameters["max_tokens"]
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 <= asked <= limit:
        text = f"max_tokens is {cut(str(asked))}; the policy of {route!r} allows a whole number up to {limit}"
        raise Refusal("invalid_request", text, field="max_tokens")
