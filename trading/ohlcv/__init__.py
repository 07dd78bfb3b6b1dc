"""Stage `ohlcv`: bring stored candles to what the venue has, and know what is missing.

Here: the ledger of what was asked (`coverage`), the plan of pages (`plan`), resumable passes (`backfill`),
holes (`repair`), the record of days (`days`), what stands where (`status`) and whether our own higher bars
agree with the venue's (`agreement`). Not here: the wire (exchange), files of candles (store), when it runs.
"""
