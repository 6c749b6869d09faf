"""Pure values and functions of drift: no clock, randomness or I/O.

Start reading at `stream.advance` (what an envelope of features does), then `signal_kinds` (the four kinds). The other files
explain an alarm; `replay` folds recorded envelopes. The arithmetic is `weir.detectors`.

The way of an event: `runtime.kafka` > `adapters.signal_traces` > `app` > here > `detectors` > here > `app` >
`adapters.announcer` > `runtime.kafka`.
"""
