"""Users from elsewhere: a documented CSV or JSON, or a mapped dump of an old cache, row by row.

Reading (`files`, `mapping`) makes rows, `rows` checks one, `plan` says what would become of each and does it.
"""
