"""The page of all commands: help, arguments and every option of each, read from the commands themselves."""

import inspect
import re
from pathlib import Path
from typing import Any

from interfaces.cli.lazy import load
from interfaces.cli.main import COMMANDS
from interfaces.docs.words import plain, table

_INTRO = """\
Exit codes: 0 done; 1 failed; 2 wrong use (a command, an option or a value that is no good); 130 interrupted.
Errors are one sentence on stderr. Everything that prints a table takes `--json`."""


def page() -> str:
    """Return the page as Markdown, without its title."""
    told = [_INTRO]
    panels = dict.fromkeys(mount.panel for mount in COMMANDS.values())
    for panel in panels:
        told.append(f"## {panel}")
        for name in sorted(name for name, mount in COMMANDS.items() if mount.panel == panel):
            told += _command(load(COMMANDS[name], name), f"sluice {name}", depth=3)
    return "\n\n".join(told)


def _command(command: Any, called: str, *, depth: int) -> list[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    words = " ".join(each.name.upper().strip("_") if each.required else f"[{each.name.upper().strip('_')}]"
                     for each in arguments)  # fmt: skip
    told = [f"{'#' * depth} {called}", _prose(command.help or "")]
    subcommands = getattr(command, "commands", {})
    if not subcommands or command.invoke_without_command:
        told[1:1] = [f"```text\n{' '.join(filter(None, (called, words)))} [OPTIONS]\n```"]
        rows = [_row(each) for each in command.params if not getattr(each, "hidden", False)]
        if rows:
            told.append(table(("option", "type", "default", "meaning"), rows))
    for name in sorted(subcommands):
        if not subcommands[name].hidden:
            told += _command(subcommands[name], f"{called} {name}", depth=depth + 1)
    return told


def _row(param: Any) -> tuple[str, str, str, str]:
    names = "/".join([*param.opts, *param.secondary_opts])
    if param.param_type_name == "argument":
        names = (param.name or "").upper().strip("_")
    default = param.default
    if param.required:
        shown = "required"
    elif getattr(param, "is_flag", False) or default in (None, "", (), []) or callable(default):
        shown = "on" if default is True else "–"
    else:
        # A path of this machine means nothing to the reader.
        shown = "a folder beside the project" if Path(str(default)).is_absolute() else f"`{default}`"
    return f"`{names}`", f"`{_kind(param)}`", shown, getattr(param, "help", None) or ""


def _kind(param: Any) -> str:
    """Return what a value must be: the name shown in the help, else its type and bounds."""
    if param.metavar:
        return str(param.metavar)
    annotation = param.type_descriptor.annotation
    kind = "yes or no" if getattr(param, "is_flag", False) or annotation is bool else _named(annotation)
    bounds = [f"{sign}{bound}" for sign, bound in (("≥", param.min), ("≤", param.max)) if bound is not None]
    return " ".join([kind, *bounds])


def _named(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _prose(text: str) -> str:
    """Return a help text as Markdown: paragraphs stay, code spans stay, nothing is read as HTML."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text).replace("\f", ""))
    return "\n\n".join(plain(paragraph) for paragraph in paragraphs)
