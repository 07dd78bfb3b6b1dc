"""What the signals would have earned on past candles, and whether that is evidence enough to trade.

Compiled kernels, costs, per-symbol metrics, statistics and the approval gate. Nothing here fetches,
stores or trades.
"""
