"""Indicators for every symbol at once: their settings, warm-up and values. No thresholds, no decisions."""
