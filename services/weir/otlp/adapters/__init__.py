"""What the receiver counts."""
