"""A look at the whole market at the speed the limiter allows: what it costs, and what is worth a closer look.

Here: the order of the stages, overlapping candles with the network, and the account of requests, waiting
and CPU. Not here: the filters (screening), the wire (exchange), files (store), commands and progress bars.
"""
