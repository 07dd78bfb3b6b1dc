"""Searching parameters without being fooled: grids, Optuna, walk-forward, and a verdict on the best of many.

A search file declares the space (`space`, `configurations`); `bench` runs configurations, in the shared grid
kernel where it can; `objectives` say what is good; `luck` says what the best of as many without an edge
would have shown; `verdict` puts it into one sentence. Every configuration is written into the trial ledger
before anything is shown. Not here: the statistics themselves (`validation`), pages (`interfaces.reports`).
"""
