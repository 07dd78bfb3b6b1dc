"""The command line: `sluice`. One module per command; each imports only Typer and the standard library at its top."""
