"""The SQL order log: the truth about users, signal sets, intents, fills and trades.

Redis is only transport beside it and DuckDB only a copy: what is not in here did not happen, what is in
here is never forgotten. No exchange is called from here and nothing decides anything here.
"""

from trading.store.order_log.log import OrderLog

__all__ = ["OrderLog"]
