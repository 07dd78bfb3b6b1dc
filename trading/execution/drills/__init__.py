"""Drills: trouble made on purpose, and what the invariants say afterwards (docs/reliability.md)."""
