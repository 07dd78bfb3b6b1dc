"""`sluice log`: the revision of the order log, said and raised."""

import json

from interfaces.cli.main import run
from tests.trading.store.order_log.old_logs import make_old_log
from trading.store.order_log.schema import HEAD


def said(capsys, *arguments: str) -> dict[str, object]:
    assert run(["log", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_old_log_is_named_upgraded_once_and_then_current(tmp_path, capsys):
    """Before 0000, upgraded with a copy, after that nothing to do."""
    url = f"sqlite:///{tmp_path}/orders.db"
    make_old_log(url)
    assert said(capsys, "status", "--url", url)["found"] == "0000"
    done = said(capsys, "upgrade", "--url", url)
    assert (done["found"], done["head"], done["copy"]) == ("0000", HEAD, f"{tmp_path}/orders.db.at-0000")
    assert said(capsys, "upgrade", "--url", url)["copy"] is None
    assert run(["log", "status", "--url", url]) == 0
    assert f"revision {HEAD}: up to date" in capsys.readouterr().out


def test_a_newer_log_is_one_sentence_and_exit_code_1(tmp_path, capsys):
    """It says which revision it is at and what to do."""
    import sqlite3

    url = f"sqlite:///{tmp_path}/orders.db"
    run(["log", "upgrade", "--url", url])
    with sqlite3.connect(tmp_path / "orders.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in ("status", "upgrade"):
        assert run(["log", command, "--url", url]) == 1
        assert "revision 9999, written by a newer release" in capsys.readouterr().err
