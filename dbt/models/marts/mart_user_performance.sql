with users as (
    select * from {{ ref('stg_live__users') }}
),

trades as (
    select * from {{ ref('fct_trades') }}
),

intents as (
    select * from {{ ref('stg_live__intents') }}
),

skips as (
    select * from {{ ref('stg_live__skips') }}
),

traded as (
    -- Paper and live money are never added: a user's figures are those of the user's present mode.
    select
        user_id,
        trading_mode,
        count(*) as closed_trades,
        count(*) filter (where pnl_quote > 0) as winners,
        count(*) filter (where pnl_quote < 0) as losers,
        sum(pnl_quote) as pnl_quote,
        sum(bought_quote) as turnover_quote,
        avg(return_fraction) as mean_return_fraction,
        avg(held_s) as mean_held_s,
        coalesce(sum(pnl_quote) filter (where pnl_quote > 0), 0)
        / nullif(-coalesce(sum(pnl_quote) filter (where pnl_quote < 0), 0), 0) as profit_factor
    from trades
    group by user_id, trading_mode
),

ordered as (
    select
        user_id,
        count(*) filter (where status not in ('NEW', 'VOID')) as orders_sent,
        count(*) filter (where status = 'REJECTED') as orders_refused,
        count(*) filter (where status in ('UNKNOWN', 'LOST')) as orders_unaccounted
    from intents
    group by user_id
),

skipped as (
    select user_id, count(*) as signals_skipped from skips group by user_id
),

joined as (
    select
        users.user_id,
        users.user_name,
        users.trading_mode,
        users.capital_quote,
        users.is_paused,
        coalesce(ordered.orders_sent, 0) as orders_sent,
        coalesce(ordered.orders_refused, 0) as orders_refused,
        coalesce(ordered.orders_unaccounted, 0) as orders_unaccounted,
        coalesce(skipped.signals_skipped, 0) as signals_skipped,
        coalesce(traded.closed_trades, 0) as closed_trades,
        coalesce(traded.winners, 0) as winners,
        coalesce(traded.losers, 0) as losers,
        coalesce(traded.pnl_quote, 0) as pnl_quote,
        coalesce(traded.pnl_quote, 0) / nullif(users.capital_quote, 0) as return_on_capital_fraction,
        coalesce(traded.turnover_quote, 0) as turnover_quote,
        traded.mean_return_fraction,
        traded.mean_held_s,
        traded.profit_factor
    from users
    left join traded on users.user_id = traded.user_id and users.trading_mode = traded.trading_mode
    left join ordered on users.user_id = ordered.user_id
    left join skipped on users.user_id = skipped.user_id
)

select * from joined
