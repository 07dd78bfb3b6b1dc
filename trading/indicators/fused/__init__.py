"""The default set for all symbols in one pass, in batch or bar by bar. Others live in `families`."""
