"""Applying definitions, and answering what is stored."""
