"""Conditions on candles and indicators as text, such as `rsi_14 < 30 AND adx_14 > 20`; read, never run."""
