with trades as (
    select * from {{ ref('stg_live__trades') }}
),

fills as (
    select * from {{ ref('int_fills_summed_to_trades') }}
),

joined as (
    select
        trades.*,
        date_diff('second', trades.opened_at_utc, trades.closed_at_utc) as held_s,
        fills.fills,
        fills.orders,
        fills.bought_quote,
        fills.sold_quote,
        fills.fees_apart_quote,
        -- Counted from the executions, independently of the order log's own sums.
        fills.sold_quote - fills.bought_quote - fills.fees_apart_quote as pnl_recounted_quote
    from trades
    left join fills on trades.trade_id = fills.trade_id
)

select * from joined
