with missed as (
    select * from {{ ref('stg_lake__missed_trades') }}
),

shared as (
    select
        *,
        -- Of what this mode missed; paper and live are never added.
        times / sum(times) over (partition by trading_mode) as share_of_missed
    from missed
)

select * from shared
