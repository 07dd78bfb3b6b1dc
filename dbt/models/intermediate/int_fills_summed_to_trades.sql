with fills as (
    select * from {{ ref('stg_live__fills') }}
),

summed as (
    select
        trade_id,
        count(*) as fills,
        count(distinct client_order_id) as orders,
        coalesce(sum(cost_quote) filter (where side = 'buy'), 0) as bought_quote,
        coalesce(sum(cost_quote) filter (where side = 'sell'), 0) as sold_quote,
        coalesce(sum(amount_base) filter (where side = 'buy'), 0) as bought_base,
        coalesce(sum(amount_base) filter (where side = 'sell'), 0) as sold_base,
        -- A fee taken in the base asset is not counted again: fewer units were left to sell.
        coalesce(sum(fee_quote) filter (where fee_asset != split_part(symbol, '/', 1)), 0) as fees_apart_quote,
        min(filled_at_utc) as first_fill_utc,
        max(filled_at_utc) as last_fill_utc
    from fills
    group by trade_id
)

select * from summed
