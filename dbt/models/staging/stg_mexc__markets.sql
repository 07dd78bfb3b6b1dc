with source as (
    {{ typed_source('validated_markets', {
        'lineage_id': 'varchar', 'symbol': 'varchar', 'exchange_id': 'varchar', 'base': 'varchar',
        'quote': 'varchar', 'status': 'varchar', 'is_api_tradable': 'boolean', 'tick': 'double',
        'step': 'double', 'min_amount': 'double', 'min_cost': 'double', 'maker_fee': 'double',
        'taker_fee': 'double', 'full_name': 'varchar'
    }) }}
),

renamed as (
    select
        lineage_id as market_id,
        symbol,
        exchange_id,
        base as base_asset,
        quote as quote_asset,
        full_name,
        is_api_tradable,
        -- Only the embedded exchange lists such pairs, and only when it was started with an edge.
        coalesce(contains(full_name, '(planted edge)'), false) as is_planted_edge,
        tick as tick_quote,
        step as step_base,
        min_amount as min_amount_base,
        min_cost as min_cost_quote,
        maker_fee as maker_fee_fraction,
        taker_fee as taker_fee_fraction
    from source
)

select * from renamed
