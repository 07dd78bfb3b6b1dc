"""What the process prints and how it takes its socket."""

import socket
from typing import Any

import pytest

from trading.simulator.serve import ServeError, base_urls, greeting, open_socket


def test_the_greeting_can_be_pasted_and_names_a_funded_account(client: Any) -> None:
    """Three lines: the ccxt urls, key, secret."""
    lines = greeting(client.exchange, "127.0.0.1", 8600)
    assert [line.split(": ")[0] for line in lines] == ["urls", "api_key", "secret"]
    urls = base_urls("127.0.0.1", 8600)
    assert lines[0] == f"urls: {urls!r}"


@pytest.mark.parametrize(
    ("host", "base"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("::1", "http://[::1]:1"), ("0.0.0.0", "http://127.0.0.1:1")],
)
def test_urls_can_be_reached_from_here(host: str, base: str) -> None:
    """A wildcard address is no address to call; IPv6 stands in brackets."""
    assert base_urls(host, 1)["api"]["spot"]["public"] == base  # type: ignore[index]  # a dict of dicts


def test_a_taken_port_is_named() -> None:
    """The error has address and port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"127\.0\.0\.1 port {port}"):
            open_socket("127.0.0.1", port)


def test_an_address_of_elsewhere_is_refused_in_one_sentence() -> None:
    """An address that is not this machine's."""
    with pytest.raises(ServeError, match=r"192\.0\.2\.1"):
        open_socket("192.0.2.1", 0)
