"""Where data rests: lake of Parquet tables and candles, DuckDB warehouse, cache, order log.

Paths and URLs are passed in. Nothing here decides anything; nothing here talks to an exchange.
"""
