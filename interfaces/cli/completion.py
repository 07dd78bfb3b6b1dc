"""`sluice completion`: the script that lets a shell complete commands and options."""

from enum import StrEnum
from typing import Annotated

import typer

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="Print the script that completes `sluice` in bash, zsh or fish.")


class Shell(StrEnum):
    """Shells that are served."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="Whose script.")],
    as_json: AsJson = False,
) -> None:
    """Print the script on stdout; nothing is installed. See docs/how-to/completion.md.

    Example: eval "$(.venv/bin/sluice completion bash)"
    """
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="sluice", complete_var="_SLUICE_COMPLETE", shell=shell.value)
    if as_json:
        print_json({"shell": shell.value, "script": script})
    else:
        print(script)
