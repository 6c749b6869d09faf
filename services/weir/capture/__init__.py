"""Spool-first capture: what every service shares that records before it answers, and the drain that empties its spool.

A service brings its own records: it packs them (`frames`), appends them to the spool (`spool`), and tells the drain how events
are made of them (`reading.Reader`). What counts numbers, names gaps and ends what a dead process left open is here.
"""
