"""When to get in and out: rules, features and gates over closed bars.

Nothing here fetches candles, sizes a position or knows what a trade earned.
"""
