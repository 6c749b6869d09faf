"""Replay: a bank run over recorded envelopes again, under any settings.

Start reading at `fold` (what one envelope does), then `comparison` (what would have fired against what did) and
`document` (the result as plain values, and its digest).
"""
