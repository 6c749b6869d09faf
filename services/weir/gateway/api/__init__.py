"""What comes in: the Open Inference Protocol over gRPC, OpenAI's API over HTTP."""
