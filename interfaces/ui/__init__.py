"""The operator's dashboard: pages for people over what the pipeline and the engine leave behind.

It reads the lake's Parquet tables, the order log (read-only) and signs of life; it never opens the pipeline's
DuckDB file. What it changes: halts, by the same functions as the command line. See docs/how-to/dashboard.md.
"""
