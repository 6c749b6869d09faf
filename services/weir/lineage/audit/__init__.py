"""The audit: which accepted numbers are stored, which are missing, and who is notified."""
