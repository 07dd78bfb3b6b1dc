"""What live trading came to, held against what was expected of it. Reads; no trading decision rests on it."""
