"""Who trades: users, their bounds, and how their exchange keys are found. No orders are made here."""
