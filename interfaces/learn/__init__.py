"""The learning loop in accelerated time: two weeks of an embedded market, told as a story with its ids."""
