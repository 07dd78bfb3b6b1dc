"""Who may see and do what: accounts, sessions, limits, and the checks before a request is answered."""
