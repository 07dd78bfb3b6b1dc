-- Each user's total, and so the sum over all users, is the sum of that user's trades in the present mode.
{{ config(meta={'dagster': {'ref': {'name': 'mart_user_performance'}}}) }}

with users as (
    select * from {{ ref('mart_user_performance') }}
),

trades as (
    select user_id, trading_mode, sum(pnl_quote) as pnl_quote from {{ ref('fct_trades') }} group by all
)

select users.user_id, users.pnl_quote, trades.pnl_quote as pnl_of_trades
from users
left join trades on users.user_id = trades.user_id and users.trading_mode = trades.trading_mode
where abs(users.pnl_quote - coalesce(trades.pnl_quote, 0)) > 1e-6
