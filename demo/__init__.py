"""The demo: the whole of Weir on real input, with its evidence.

`python -m demo [--exit]` starts the embedded stack, asks about 1,600 real questions through stock clients, shifts
the traffic, waits for the signed webhook, and then proves from the store and the log what it claims. It is a client
like any other: it knows the stack's addresses, an API key and the published APIs, and imports no service.

Reading order: `story` (what happens, in order) > `replay`, `askers` (the traffic) > `receiver`, `stream_log`, `ledger`
(what is observed) > `evidence`, `claims` (what is reported).
"""
