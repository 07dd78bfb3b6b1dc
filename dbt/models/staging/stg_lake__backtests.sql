with source as (
    {{ typed_source('backtest_results', {
        'lineage_id': 'varchar', 'symbol': 'varchar', 'bars': 'bigint', 'first_bar': 'timestamptz',
        'last_bar': 'timestamptz', 'trades': 'bigint', 'distinct_days': 'bigint', 'win_rate': 'double',
        'total_return': 'double', 'total_return_2x_costs': 'double', 'mean_return': 'double',
        'p_value': 'double', 'profit_factor': 'double', 'max_drawdown': 'double', 'sharpe': 'double',
        'sortino': 'double', 'exposure': 'double', 'buy_and_hold': 'double', 'random_percentile': 'double'
    }) }}
),

renamed as (
    select
        lineage_id as backtest_id,
        symbol,
        bars,
        first_bar as first_bar_utc,
        last_bar as last_bar_utc,
        trades,
        distinct_days,
        win_rate as win_rate_fraction,
        total_return as total_return_fraction,
        total_return_2x_costs as total_return_2x_costs_fraction,
        mean_return as mean_return_fraction,
        p_value,
        profit_factor,
        max_drawdown as max_drawdown_fraction,
        sharpe,
        sortino,
        exposure as exposure_fraction,
        buy_and_hold as buy_and_hold_fraction,
        random_percentile
    from source
)

select * from renamed
