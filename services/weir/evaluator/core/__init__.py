"""Pure rules of the evaluator: definitions, sampling, what each evaluator measures, and the step over events."""
