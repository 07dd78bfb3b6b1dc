"""Chains of named filters declared in TOML: each pure, each valid at any past moment. No network."""
