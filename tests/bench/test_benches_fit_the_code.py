"""What a bench reaches into of the code it measures is still there."""

from concurrent.futures import ThreadPoolExecutor

from bench.backtest import POOLS


def test_the_pools_that_are_timed_are_those_of_the_code() -> None:
    """`bench.cores` puts a timed pool in the place of each module's own."""
    assert [module.ThreadPoolExecutor for module in POOLS] == [ThreadPoolExecutor] * len(POOLS)
