"""Pure rules of the inference service: text statistics, envelopes, sampling, admission, trace context."""
