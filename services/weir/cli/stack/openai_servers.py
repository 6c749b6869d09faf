"""The user's file of OpenAI servers, as the gateway will read it."""

from __future__ import annotations

from pathlib import Path

from weir.cli.stack.errors import StackError
from weir.gateway.adapters.servers_file import problems_in


def check_openai_servers(file: Path) -> None:
    """Raises StackError naming what the gateway could not use. Keys in variables are those of this shell."""
    if problems := problems_in(file):
        raise StackError(f"the OpenAI servers in {file} cannot be used: {'; '.join(problems)}")
