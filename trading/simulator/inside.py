"""An exchange in a thread of this process, on a free port of 127.0.0.1: for short comparisons.

Not for trading: a market that must survive belongs in a process of its own (`serve`).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from trading.simulator.exchange import Exchange
from trading.simulator.serve import ServeError, open_socket
from trading.simulator.server import build_app
from trading.simulator.ws_protocol import websocket_options

_START_S = 20.0


@contextmanager
def in_thread(exchange: Exchange) -> Iterator[str]:
    """Serve `exchange` until the block ends; gives its base URL.

    Raises
    ------
    ServeError
        If it does not come up.
    """
    listener = open_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        build_app(exchange),
        **websocket_options(),
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise ServeError("the exchange inside this process did not start")
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(5)
        listener.close()
