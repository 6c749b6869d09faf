"""The embedded stack: Kafka, Triton and the services as supervised processes on loopback.

from weir.cli.stack import start_stack, stop_stack
"""

from weir.cli.stack.control import Stack, open_stack
from weir.cli.stack.errors import StackError
from weir.cli.stack.record import Endpoints
from weir.cli.stack.starting import start_stack
from weir.cli.stack.stopping import stop_stack

__all__ = ["Endpoints", "Stack", "StackError", "open_stack", "start_stack", "stop_stack"]
