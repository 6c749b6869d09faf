"""One evaluator a file: what it measures, what its score means, and what it cannot see."""
