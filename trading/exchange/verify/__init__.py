"""Is the embedded exchange true to MEXC, and what does MEXC itself answer? Recorded samples, replayed.

`samples` reads the records, `asking` replays requests, `answers` compares answers' shapes, `parsing`
holds our domain objects against ccxt's; `probe` asks the real venue with one minimum order, `record`
keeps what it said.
"""
