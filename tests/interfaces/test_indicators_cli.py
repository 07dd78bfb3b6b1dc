"""`sluice indicators`: a person or a program finds out what a name means, without any data."""

import json

from interfaces.cli.main import run


def test_the_list_names_every_column_with_its_warm_up(capsys):
    """RSI's first value stands on bar 127; Supertrend is not in the table of the line."""
    assert run(["indicators", "list", "--json"]) == 0
    rows = {row["column"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["rsi_14"]["first_value_at_bar"] == 127
    assert rows["rsi_14"]["in_the_table"] == "yes"
    assert rows["supertrend_10_3"]["in_the_table"] == ""
    assert len(rows) > 35


def test_a_word_narrows_the_list(capsys):
    """As people search."""
    assert run(["indicators", "list", "RSI", "--json"]) == 0
    names = [row["column"] for row in json.loads(capsys.readouterr().out)]
    assert names == ["rsi_14", "stochrsi_k", "stochrsi_d"]


def test_one_column_is_explained_with_its_numbers(capsys):
    """What was asked for is shown beside default and bounds."""
    assert run(["indicators", "show", "bb_upper_30_2p5", "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert [number["here"] for number in card["parameters"]] == [30, 2.5]
    assert card["first_value_at_bar"] == 30
    assert "population standard deviations" in card["formula"]


def test_the_explanation_reads_as_text(capsys):
    """Formula, seed, unit, null policy and bounds stand in it."""
    assert run(["indicators", "show", "adx_14"]) == 0
    text = capsys.readouterr().out
    for said in ("Wilder average", "seed", "0..100", "before bar 162", "never moved", "2,000"):
        assert said in text


def test_a_typing_error_is_answered_with_the_nearest(capsys):
    """One sentence on stderr, exit code 1."""
    assert run(["indicators", "show", "supertrnd_7"]) == 2
    assert "near names: supertrend_7" in capsys.readouterr().err
