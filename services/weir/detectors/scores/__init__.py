"""Detectors of change in judged scores: a baseline, betting sequences, the noise of a judge, trials between two causes."""
