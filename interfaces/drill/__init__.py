"""Drills on real processes: `sluice drill` makes trouble, and the venue's own list says what came of it."""
