"""The websocket protocol class of the server: uvicorn's own, with the socket handed to the application.

Frames that go to many are made once and written as they are, so messages are never compressed (a
compressed stream is different for every peer), and it is the client's part to ping.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

TRANSPORT_KEY = "sluice.transport"
# Commands are short; 30 channel names are about 2 KB.
MAX_MESSAGE = 64 * 1024


class StreamProtocol(WebSocketsSansIOProtocol):
    """Puts the transport into the ASGI scope of a websocket."""

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
