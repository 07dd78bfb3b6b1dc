"""One module per page: what it shows, as plain data from the world. No HTML here, and nothing is written."""
