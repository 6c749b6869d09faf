"""The questions of the demo and of the benchmarks, under `examples/traffic`: read, ordered, composed, checked."""
