"""How many threads a matrix product may use. Nothing is computed here."""

import threadpoolctl


def one_blas_thread() -> threadpoolctl.threadpool_limits:
    """Return a context in which matrix products keep to one thread.

    Threads that wait for the next of many small products do so by spinning: on two shared cores a
    pairwise-complete correlation costs two to four times the CPU seconds, for no wall time.
    """
    return threadpoolctl.threadpool_limits(1, user_api="blas")
