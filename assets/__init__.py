"""The lineage as Dagster assets: one module per stage, thin nouns.

A body reads what it needs, makes one domain call, publishes, and returns metadata that a person would
look at. Stages meet by asset name, never by import. Shared here: `partitions` and `results`.
"""
