"""Figures of a finished backtest, from its trades and its equity curve: 365 days a year, money in quote.

Tables in, numbers out: nothing here trades, judges or draws. Whether a figure is evidence is the matter of
`trading.backtest.validation` and of the approval gate.
"""
