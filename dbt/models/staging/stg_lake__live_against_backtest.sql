with source as (
    {{ typed_source('live_against_backtest', {
        'user_id': 'varchar',
        'mode': 'varchar',
        'offered': 'bigint',
        'ordered': 'bigint',
        'filled': 'bigint',
        'fill_rate': 'double',
        'rejected': 'bigint',
        'missed': 'bigint',
        'trades': 'bigint',
        'decisions': 'bigint',
        'hit_rate': 'double',
        'expected_hit_rate': 'double',
        'mean_return': 'double',
        'expected_return': 'double',
        'mean_pnl_quote': 'double',
        'mean_hold_s': 'double',
        'expected_hold_s': 'double',
        'entry_slippage': 'double',
        'expected_slippage': 'double',
        'drift': 'varchar',
        'drift_days': 'bigint',
        'drift_difference': 'double',
        'drift_bound': 'double',
        'drift_words': 'varchar'
    }) }}
),

renamed as (
    select
        user_id,
        mode as trading_mode,
        offered,
        ordered,
        filled,
        fill_rate,
        rejected,
        missed,
        trades,
        decisions,
        hit_rate,
        expected_hit_rate,
        mean_return,
        expected_return,
        mean_pnl_quote,
        mean_hold_s,
        expected_hold_s,
        entry_slippage,
        expected_slippage,
        drift,
        drift_days,
        drift_difference,
        drift_bound,
        drift_words
    from source
)

select * from renamed
