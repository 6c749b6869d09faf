"""WEIR-TEXT-DRIFT: how fast, and how falsely, text drift is found in streams of real text. `make bench-drift` runs it.

Data: `debian`, the parsers, `corpus`, `embeddings`. Method: `scores` (the real channels, once per event and
reference), `streams`, `fold` (the bank's own arithmetic on many streams at once), `run_lengths`. Peers: `peers`.
Output: `cells` (the bars), `report`, `plots`, `run`.
"""
