"""`python -m weir.gateway.drain`: empties the spool into Kafka."""

from weir.gateway.drain.drain import main

if __name__ == "__main__":
    main()
