"""The sink: messages of every topic become rows, once, in exact ranges of offsets."""
