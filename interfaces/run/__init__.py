"""`sluice run`: the whole line once, driven from a terminal, and what it prints.

`record` is what a run found, as plain data; everything that shows it (terminal, JSON, report.html) reads
only that.
"""
