"""The parts on several brokers and in two of each, without containers: real processes on this machine (`make distributed-test`)."""
