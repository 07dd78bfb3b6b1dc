"""The domain library: plain Python and Polars, free of Dagster.

Rooms, highest first (a room imports only from rooms below it):
``execution > learning > backtest > signals | risk > screening | xray > indicators >
trade_pool | users > exchange | news | store | notifications | simulator > market``.
"""
