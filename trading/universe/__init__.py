"""Which instruments exist, which existed when, and which may be traded: epochs, looks, the jump guard."""
