"""What people are told, and how it reaches them. Nothing is decided here and nothing is stored here."""
