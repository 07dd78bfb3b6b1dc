"""Users' own pages (`sluice pages`): one person's key, risk text, equity, trades and settings.

An application apart from the operator's dashboard, on a port of its own: what a proxy shows to the world
holds no route of the operator's. Guard, limits, sessions and forms are the dashboard's.
"""
