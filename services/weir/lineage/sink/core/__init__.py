"""Pure parts of the sink: ranges under a token, what may wait, when reading stands still."""
