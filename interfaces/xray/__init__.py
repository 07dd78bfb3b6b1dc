"""The x-ray of one symbol as people see it: a terminal view and one self-contained page."""
