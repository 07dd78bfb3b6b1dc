with source as (
    {{ typed_source('closed_trades', {
        'trade_id': 'varchar', 'user_id': 'varchar', 'signal_id': 'varchar', 'approval_id': 'varchar',
        'signal_set_id': 'varchar', 'symbol': 'varchar', 'open_at': 'timestamptz', 'close_at': 'timestamptz',
        'amount': 'double', 'open_price': 'double', 'close_price': 'double', 'fees_quote': 'double',
        'pnl_quote': 'double', 'profit_ratio': 'double', 'exit_reason': 'varchar', 'mode': 'varchar'
    }) }}
),

renamed as (
    select
        trade_id,
        user_id,
        signal_id,
        approval_id,
        signal_set_id,
        symbol,
        mode as trading_mode,
        open_at as opened_at_utc,
        close_at as closed_at_utc,
        amount as amount_base,
        open_price as open_price_quote,
        close_price as close_price_quote,
        fees_quote,
        pnl_quote,
        profit_ratio as return_fraction,
        exit_reason
    from source
)

select * from renamed
