"""News: fetched within limits, told apart, dated by first sight, linked, scored. Trades nothing."""
