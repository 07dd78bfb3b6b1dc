"""The websocket protocol class of the server: uvicorn's own, with the socket handed to the application.

Frames that go to many are made once and written as they are, so messages are never compressed (a
compressed stream is different for every peer), and it is the client's part to ping.
"""

import asyncio
import logging
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request

TRANSPORT_KEY = "sluice.transport"
# Commands are short; 30 channel names are about 2 KB.
MAX_MESSAGE = 64 * 1024


# uvicorn notes every handshake with its query, listen key included: that must not reach a log.
_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.WARNING)


class StreamProtocol(WebSocketsSansIOProtocol):
    """Puts the transport into the ASGI scope of a websocket, and keeps queries out of logs."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = self.conn.logger = _LOG
        self.conn.debug = False  # decided from the logger it was made with

    def handle_connect(self, event: Request) -> None:
        """Begin the application with the socket in its scope."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope[TRANSPORT_KEY] = self.transport  # type: ignore[literal-required]  # an extension of ours


def websocket_options() -> dict[str, Any]:
    """Return the part of uvicorn's configuration that websockets need."""
    return {
        "ws": StreamProtocol,
        "ws_max_size": MAX_MESSAGE,
        "ws_ping_interval": None,
        "ws_per_message_deflate": False,
    }
