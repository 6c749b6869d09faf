"""The `weir-server-timing` trailer: the spans of this service, handed back so that the gateway records one trace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallTiming:
    """Ids and times of one forwarded call; times in microseconds since 1970-01-01 UTC."""

    method: str
    span_id: str
    parent_span_id: str
    triton_span_id: str
    start_us: int
    triton_start_us: int
    triton_end_us: int
    end_us: int

    def as_json(self) -> str:
        """A JSON list of two spans: this service's, and below it the call to Triton.

        Written by hand because it is on the path of every call; every part is hex, a method name or a number.
        """
        return (
            f'[{{"name":"inference","span_id":"{self.span_id}","parent_span_id":"{self.parent_span_id}",'
            f'"kind":"server","service":"inference","start_us":{self.start_us},"end_us":{self.end_us}}},'
            f'{{"name":"triton {self.method}","span_id":"{self.triton_span_id}","parent_span_id":"{self.span_id}",'
            f'"kind":"client","service":"inference","start_us":{self.triton_start_us},"end_us":{self.triton_end_us}}}]'
        )
