"""Several brokers and two of every service, without containers: real processes on this machine (`make distributed-test`)."""
