"""What comes in over HTTP: monitored streams, and what a person decides about one."""
