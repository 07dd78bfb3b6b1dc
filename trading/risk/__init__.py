"""How a position is sized, bounded and left: pure rules shared by the backtest and the live engine.

Nothing here reads a clock, a store or a venue; the caller passes prices, amounts and times in.
"""
