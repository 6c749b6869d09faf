"""Edges of the inference service: forwarding gRPC to Triton, and embedding texts on it."""
