"""Days are partitions; symbols are rows (2,610 symbols × days would pass Dagster's 100,000 limit)."""

import dagster as dg

# The earliest candle anybody here owns is of 2020-11-15; the synthetic market begins on 2021-01-01.
FIRST_DAY = "2020-11-01"
# The newest partition is today's: its candles come by the quarter of an hour, not at midnight.
DAY = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, timezone="UTC", end_offset=1)
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
