"""The live feed: streams while they live, polling while they do not, one sequence either way.

Modules are imported where they are needed; nothing is re-exported here.
"""
