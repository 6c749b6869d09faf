"""Adapters of the evaluator to the outside."""
