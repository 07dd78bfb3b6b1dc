"""Benchmarks against named peers: `python -m bench`. One small module per benchmark, each with `run()`."""
