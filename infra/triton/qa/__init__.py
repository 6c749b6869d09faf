"""Extractive question answering: pure parts of the docs-qa chain."""
