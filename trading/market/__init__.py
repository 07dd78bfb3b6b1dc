"""The vocabulary every room shares: symbols, timeframes, orders, frames, errors, clocks, lineage.

Nothing here talks to the outside, keeps state, or knows a threshold.
"""
