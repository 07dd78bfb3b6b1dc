"""Commands that are named without being imported, so that `sluice --help` stays quick.

What lives here: the mechanism. Which commands exist is said in `interfaces.cli.main`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as command_of

_COMPLETION = ("install_completion", "show_completion")


@dataclass(frozen=True, slots=True)
class Mount:
    """One command: the module whose `app` it is, and the line and heading that the help shows it with."""

    module: str
    help: str
    panel: str


def lazy_group(mounts: Mapping[str, Mount]) -> type[TyperGroup]:
    """Return a group class that knows `mounts` by name and imports one only when it is called."""
    stubs = {
        name: TyperCommand(name, help=mount.help, rich_help_panel=mount.panel)
        for name, mount in mounts.items()
    }

    class LazyGroup(TyperGroup):
        """Help and completion of names see stubs; resolving a call loads the module."""

        def list_commands(self, ctx: Any) -> list[str]:  # the context's type is private to Typer
            return [*super().list_commands(ctx), *stubs]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            return stubs.get(cmd_name) or super().get_command(ctx, cmd_name)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            # Typer suggests near names from this mapping.
            self.commands = {**stubs, **self.commands}
            name, command, rest = super().resolve_command(ctx, args)
            if name in mounts:
                command = load(mounts[name], name)
            return name, command, rest

    return LazyGroup


def load(mount: Mount, name: str) -> Any:
    """Import the module of `mount` and return its `app` as a command called `name`."""
    app: typer.Typer = import_module(mount.module).app
    command = command_of(app)
    command.name = name
    # Typer takes each module's app for a program of its own; completion is the whole program's.
    command.params = [each for each in command.params if each.name not in _COMPLETION]
    return command
