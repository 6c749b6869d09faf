"""The drift detector itself: pure values and functions, no clock, randomness or I/O; event types only in `stream`.

Start reading at `bank` (what happens to one event), then `reference`, one file of `channels`, `conformal`,
`e_detector`, `mean_ewma`. `snapshot` turns the state into bytes and back. `stream` puts a monitored stream around a
bank.
"""
