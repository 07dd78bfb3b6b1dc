"""Lineage resolved: from any id back to candles, code and parameters, and forward to fills and trades.

Start at `resolve.Lineage`. Ids themselves are made in `trading.market.lineage`.
"""
