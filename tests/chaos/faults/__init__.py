"""One file for each thing that breaks: a function injects its fault under load and returns the closed ledger."""
