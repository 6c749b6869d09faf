"""The parts of the gateway that both listeners share."""

from __future__ import annotations

from dataclasses import dataclass, field

from weir.access.callers import Callers
from weir.access.keys import Caller
from weir.access.keys_file import KeysFile
from weir.gateway.adapters.openai_server import OpenAIServers
from weir.gateway.adapters.servers_file import ServersFile
from weir.gateway.calls.recorder import Recorder
from weir.gateway.calls.request_ids import RequestIds
from weir.gateway.calls.turnstile import Turnstile
from weir.gateway.core.catalog import Catalog
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import now_us
from weir.runtime.oip import OipClient


@dataclass(frozen=True, slots=True)
class Gateway:
    """One of each, made once by `__main__`; what a call needs of them it takes from here."""

    settings: GatewaySettings
    keys: KeysFile
    catalog: Catalog
    turnstile: Turnstile
    recorder: Recorder
    request_ids: RequestIds
    upstream: OipClient
    """The inference service."""
    servers: OpenAIServers = field(default_factory=lambda: OpenAIServers(ServersFile(None)))
    """Those that models with an endpoint are at."""
    callers: Callers = field(default_factory=Callers)

    def caller(self, authorization: str, *, is_loopback: bool) -> Caller:
        """Who calls. Raises Refusal("unauthenticated")."""
        anonymous = self.settings.anonymous_tenant if is_loopback else ""
        return self.callers.find(authorization, self.keys.current(), now_us(), anonymous)
