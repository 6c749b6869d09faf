"""Me: the name under which a person's change is recorded when no other is given."""

from __future__ import annotations

import getpass

from weir.cli.output import CliError, ExitCode


def me(option: str = "--author") -> str:
    """The user's name. Raises CliError naming the option that gives one, where the process has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise CliError(ExitCode.INVALID, f"this process has no user's name; say who it is with {option}") from error
