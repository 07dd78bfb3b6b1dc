"""`python -m interfaces.cli` is `sluice`: for processes that start one another by interpreter."""

from interfaces.cli.main import main

main()
