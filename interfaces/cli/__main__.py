"""`python -m interfaces.cli` is `sluice`: for processes that start one another by interpreter."""

from interfaces.cli.main import main

# A child of `multiprocessing` imports its parent's main module under another name.
if __name__ == "__main__":
    main()
