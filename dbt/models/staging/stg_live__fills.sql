with source as (
    {{ typed_source('fills', {
        'fill_id': 'varchar', 'user_id': 'varchar', 'order_id': 'varchar', 'coid': 'varchar',
        'trade_id': 'varchar', 'symbol': 'varchar', 'side': 'varchar', 'price': 'double',
        'amount': 'double', 'cost': 'double', 'fee': 'double', 'fee_asset': 'varchar',
        'fee_quote': 'double', 'is_maker': 'boolean', 'at': 'timestamptz'
    }) }}
),

renamed as (
    select
        fill_id,
        user_id,
        order_id,
        coid as client_order_id,
        trade_id,
        symbol,
        side,
        price as price_quote,
        amount as amount_base,
        cost as cost_quote,
        fee as fee_units,
        fee_asset,
        fee_quote,
        is_maker,
        "at" as filled_at_utc
    from source
)

select * from renamed
