with compared as (
    select * from {{ ref('stg_lake__live_against_backtest') }}
),

users as (
    select * from {{ ref('stg_live__users') }}
),

joined as (
    select
        compared.user_id,
        coalesce(users.user_name, compared.user_id) as user_name,
        compared.user_id = '(fleet)' as is_fleet,
        compared.* exclude (user_id),
        compared.hit_rate - compared.expected_hit_rate as hit_rate_difference,
        compared.mean_return - compared.expected_return as return_difference_fraction,
        (compared.entry_slippage - compared.expected_slippage) * 10000 as slippage_difference_bps,
        compared.mean_hold_s - compared.expected_hold_s as hold_difference_s
    from compared
    left join users on compared.user_id = users.user_id
)

select * from joined
