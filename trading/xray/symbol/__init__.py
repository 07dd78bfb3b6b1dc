"""One symbol from every side at one moment: frames in, values and words out. Reads and draws nothing."""
