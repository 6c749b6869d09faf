"""From a request to the spool."""
