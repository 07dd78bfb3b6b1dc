import polars as pl

from trading.screening.explain import EXPLAINED, explain
from trading.screening.funnel import Rule

RULES = [
    Rule("volume", pl.col("volume"), 100.0, pl.col("volume") >= 100, "traded {value}, below {bound}"),
    Rule("quote", pl.lit(None), None, pl.col("quote") == "USDT", "not quoted in USDT"),
    Rule("spread", pl.col("spread"), 0.005, pl.col("spread") <= 0.005, "spread is {value}, above {bound}"),
]


def test_every_rule_is_told_also_after_the_first_that_failed():
    """The funnel stops at volume; who asks sees that the spread failed as well."""
    frame = pl.DataFrame({"symbol": ["A/USDT"], "volume": [50.0], "quote": ["USDT"], "spread": [0.01]})
    got = explain(frame, RULES, "prefilter")
    assert got.schema == pl.Schema(EXPLAINED)
    assert got.rows() == [
        ("prefilter", "volume", 50.0, 100.0, False, "traded 50, below 100"),
        ("prefilter", "quote", None, None, True, ""),
        ("prefilter", "spread", 0.01, 0.005, False, "spread is 0.01, above 0.005"),
    ]


def test_what_could_not_be_measured_fails_as_unknown():
    """Null is not ok, as in the funnel."""
    frame = pl.DataFrame(
        {"volume": [None], "quote": ["USDT"], "spread": [0.001]}, schema_overrides={"volume": pl.Float64}
    )
    first = explain(frame, RULES, "prefilter").row(0, named=True)
    assert (first["is_ok"], first["words"]) == (False, "traded unknown, below 100")


def test_no_row_gives_no_row():
    """A stage that never saw the symbol has nothing to say."""
    frame = pl.DataFrame(schema={"volume": pl.Float64, "quote": pl.String, "spread": pl.Float64})
    assert explain(frame, RULES, "prefilter").is_empty()
