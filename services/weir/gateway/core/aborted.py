"""The end of a call that its gateway did not live to see."""

from __future__ import annotations

from weir.capture.accounting import Unended
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.record import NUMBERS_TAKEN, Record

GATEWAY_LOST_STATUS = 14
"""gRPC status of an aborted call: UNAVAILABLE, which is what its client saw, if it saw anything."""


def aborted(unended: Unended) -> Record:
    """The end of a call whose gateway died. Numbered as a source of its own, `<gateway>/reconciler`, under the dead epoch's
    boot epoch, so that saying it again says the same.
    """
    (source, boot_epoch), call = unended.epoch, unended.opened
    assert isinstance(call, Call), "the gateway's ledger holds its calls"
    end = CallEnd(
        end_time_us=max(call.start_time_us, unended.found_us),
        outcome="aborted",
        status_code=GATEWAY_LOST_STATUS,
        error_type="gateway_lost",
        error_message="the gateway ended before the call did; its answer, if there was one, was not acknowledged",
    )
    return Record(
        kind="completed",
        source=f"{source}/reconciler",
        boot_epoch=boot_epoch,
        seq=unended.number * NUMBERS_TAKEN["completed"],
        call=call,
        end=end,
    )
