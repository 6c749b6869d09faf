"""What comes in over gRPC."""
