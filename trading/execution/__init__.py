"""Live trading: from a signal set to orders, fills and closed trades, for every user, through any crash.

The order log (`trading.store.order_log`) is the truth and every step here may be repeated; see
docs/explanation/order-path.md. No key is kept here and no strategy is decided here.
"""
