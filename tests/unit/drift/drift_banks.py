"""Banks as bytes: equal bytes are equal banks, apart from the pieces that are kept elsewhere."""

from __future__ import annotations

import zlib

from weir.detectors.bank import BankState, MonitoringBank, WarmingBank
from weir.state import Codec

BANK = Codec(MonitoringBank, "bank", layout=1)
WARMING = Codec(WarmingBank, "warming-bank", layout=1)


def bank_bytes(bank: BankState) -> bytes:
    """The bytes of a bank in either phase."""
    return WARMING.encode(bank) if isinstance(bank, WarmingBank) else BANK.encode(bank)


def changed(content: bytes, before: bytes, after: bytes) -> bytes:
    """`content` with other bytes, as many, in its body: as a writer of another version would have left it."""
    line, _, body = content.partition(b"\n")
    assert body.count(before) == 1
    assert len(before) == len(after)
    body = body.replace(before, after)
    weir, name, layout, _, *sizes = line.decode().split(" ")
    return " ".join((weir, name, layout, str(zlib.crc32(body)), *sizes)).encode() + b"\n" + body
