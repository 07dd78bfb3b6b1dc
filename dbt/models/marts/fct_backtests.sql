with backtests as (
    select * from {{ ref('stg_lake__backtests') }}
),

approvals as (
    select * from {{ ref('stg_lake__approvals') }}
),

joined as (
    select
        backtests.*,
        approvals.approval_id,
        coalesce(approvals.is_approved, false) as is_approved,
        approvals.failed_rule,
        approvals.reason,
        approvals.score
    from backtests
    left join approvals on backtests.symbol = approvals.symbol
)

select * from joined
