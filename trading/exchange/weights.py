"""What each endpoint costs: the table of ccxt 4.5.90, raised where MEXC's documentation asks for more.

Sources disagree (see docs); the higher number is the safe one.
"""

# GET ticker/24hr without a symbol: ccxt says 25, MEXC's page says 40; measured refusals decide later.
_WEIGHTS: dict[tuple[str, str], int] = {
    ("GET", "exchangeInfo"): 25,
    ("GET", "ticker/24hr"): 40,
    ("GET", "ticker/bookTicker"): 10,
    ("GET", "ticker/price"): 10,
    ("GET", "depth"): 3,
    ("GET", "trades"): 5,
    ("GET", "order"): 2,
    ("GET", "openOrders"): 3,
    ("GET", "allOrders"): 10,
    ("GET", "myTrades"): 10,
    ("GET", "account"): 10,
    ("GET", "capital/config/getall"): 10,
    ("GET", "capital/deposit/hisrec"): 1,
    ("GET", "capital/withdraw/history"): 1,
    ("POST", "batchOrders"): 10,
}


def weight_of(method: str, path: str) -> int:
    """Return what one call of `path` (after ``/api/v3/``) costs; 1 where no table says more."""
    return _WEIGHTS.get((method, path), 1)
