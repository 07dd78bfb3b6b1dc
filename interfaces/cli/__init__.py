"""The command line: `sluice`. One module per command.

Each imports only Typer and the standard library at its top; the rest inside its functions.
"""
