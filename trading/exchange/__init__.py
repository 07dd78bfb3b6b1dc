"""The edge to the venue: one gateway, exact numbers in, domain objects out.

`gateway.py` says what others may ask; `pool.py` is how they get it. ccxt is imported in this room only.
"""
