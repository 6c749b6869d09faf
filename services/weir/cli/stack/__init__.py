"""The embedded stack: Kafka, Triton and the services as supervised processes on loopback.

from weir.cli.stack import start_stack, stop_stack
"""

from weir.cli.stack.control import Endpoints, Stack, StackError, open_stack, start_stack, stop_stack

__all__ = ["Endpoints", "Stack", "StackError", "open_stack", "start_stack", "stop_stack"]
