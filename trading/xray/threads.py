"""How many threads numerical libraries may use. Nothing is computed here."""

import threadpoolctl


def one_thread() -> threadpoolctl.threadpool_limits:
    """Return a context in which matrix products and OpenMP loops keep to one thread.

    Threads that wait for the next of many small products do so by spinning: on two shared cores a
    pairwise-complete correlation costs two to four times the CPU seconds, and a map of 340 symbols ten
    times, for no wall time.
    """
    return threadpoolctl.threadpool_limits(1)
