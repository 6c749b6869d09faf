"""Detectors of change, a pure library: conformal scores, e-detectors, EWMA, betting sequences, skew tests. It knows no topic."""
