"""Issuing request ids at the edge, where there is a clock."""

from __future__ import annotations

import itertools
import secrets

from weir.access.request_ids import UNIQUE_BITS, is_issued, issued_id
from weir.runtime.clock import now_us


class RequestIds:
    """Issues the ids of one process; any process with the same secret knows them again."""

    def __init__(self, secret: bytes) -> None:
        """secret: at least 16 bytes, shared by the gateways of a deployment."""
        self._secret = secret
        self._unique = itertools.count(secrets.randbits(UNIQUE_BITS))  # apart from those of other processes

    def new(self, tenant: str) -> str:
        """An id for a call of this tenant."""
        return issued_id(now_us(), next(self._unique), tenant, self._secret)

    def is_issued(self, request_id: str, tenant: str) -> bool:
        """Whether a gateway of this deployment gave this id to this tenant."""
        return is_issued(request_id, tenant, self._secret)
