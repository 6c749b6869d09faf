"""The generating model: pure parts of `chat`, and the one file that drives llama.cpp (`engine`)."""
