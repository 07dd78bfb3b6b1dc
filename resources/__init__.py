"""Connections to outside things: configuration in, domain object out, about forty lines each."""
