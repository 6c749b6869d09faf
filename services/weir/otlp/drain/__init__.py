"""The process that empties the receiver's spool."""
