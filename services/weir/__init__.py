"""Weir: the streaming operations layer for generative AI."""
