"""From fresh signals to the first order: each part is the difference of two recorded times."""

import dagster as dg
import sqlalchemy as sa

from resources.latency import signal_to_order
from tests.trading.store.lineage_world import build
from trading.store.order_log import schema


def test_each_part_is_the_difference_of_two_recorded_times(tmp_path):
    """Signals at s, run asked for at r, row at r + 2 s, first order 0.25 s after it."""
    chain = build(tmp_path)
    signals = chain.log.get_signal_set(chain.signal_set).versions[0]
    with dg.instance_for_test() as instance:
        told = {"lineage id": signals}
        instance.report_runless_asset_event(dg.AssetMaterialization("signals", metadata=told))
        made = instance.fetch_materializations(dg.AssetKey("signals"), limit=1).records[0].timestamp
        tags = {"sluice/signal_set": chain.signal_set}
        instance.add_run(dg.DagsterRun(job_name="live_trading_job", tags=tags))
        asked = instance.get_run_records()[0].create_timestamp.timestamp()
        written_ms = round((asked + 2) * 1000)
        with chain.log.database.write() as connection:
            connection.execute(schema.signal_sets.update().values(written_wall_ms=written_ms))
            connection.execute(schema.intents.update().values(sent_wall_ms=written_ms + 250))
        (row,) = signal_to_order(instance, chain.log)
        assert row["signals_to_run"] == round(asked - made, 3)
        assert abs(row["run_to_row"] - 2.0) < 0.002
        assert row["row_to_order"] == 0.25
        with chain.log.database.write() as connection:
            connection.execute(sa.update(schema.intents).values(sent_wall_ms=None))
        assert signal_to_order(instance, chain.log)[0]["row_to_order"] is None
    chain.log.close()
