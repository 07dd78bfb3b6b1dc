"""The embedded exchange: a synthetic or recorded market behind a server that speaks MEXC's wire protocol.

Shares only `trading.market` with the client side, so that a bug cannot hide by being on both sides.
"""
