"""What a backtest came to, for people and programs: terminal, JSON, one self-contained page; two compared.

Figures come from `trading.backtest.figures` and `validation`; nothing is computed here but how it looks.
"""
