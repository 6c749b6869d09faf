"""Pure parts of the audit: ranges of numbers, and what changed since the last look."""
