"""Pure parts of reading: what a statement may say, its settings, its formats."""
