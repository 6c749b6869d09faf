"""`python -m weir.gateway.drain`: empties the spool into Kafka."""

from weir.gateway.drain.drain import main
from weir.runtime.process import run

if __name__ == "__main__":
    run(main)
