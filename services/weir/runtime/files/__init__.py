"""Files that outlive a process: durable writes, state that is read again, locks on folders."""
