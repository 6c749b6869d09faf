"""One monitored stream around its bank: events in, signals out, all of it a pure fold.

`advance` is where to start: an envelope of features and a `StreamState` give the next state and the signals. `intake`
reads envelopes, `signals` and `skew_signals` make signals.
"""
