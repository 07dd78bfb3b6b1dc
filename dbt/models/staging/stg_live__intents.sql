with source as (
    {{ typed_source('intents', {
        'intent_id': 'varchar', 'coid': 'varchar', 'trade_id': 'varchar', 'user_id': 'varchar',
        'signal_set_id': 'varchar', 'signal_id': 'varchar', 'symbol': 'varchar', 'leg': 'varchar',
        'side': 'varchar', 'type': 'varchar', 'amount': 'double', 'price': 'double', 'status': 'varchar',
        'filled': 'double', 'filled_cost': 'double', 'reason': 'varchar', 'created_at': 'timestamptz'
    }) }}
),

renamed as (
    select
        intent_id,
        coid as client_order_id,
        trade_id,
        user_id,
        signal_set_id,
        signal_id,
        symbol,
        leg,
        side,
        type as order_type,
        amount as amount_base,
        price as limit_price_quote,
        status,
        filled as filled_base,
        filled_cost as filled_cost_quote,
        reason,
        created_at as created_at_utc
    from source
)

select * from renamed
