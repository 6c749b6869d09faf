"""The gateway's hold on the outside: the spool on disk, the gRPC channel, the keys file."""
