"""The Open Inference Protocol as Triton speaks it: checked requests in, the same answers out."""
