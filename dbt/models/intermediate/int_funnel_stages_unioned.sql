with filters as (
    select * from {{ ref('stg_lake__funnel') }}
),

approvals as (
    select * from {{ ref('stg_lake__approvals') }}
),

unioned as (
    select
        symbol,
        stage_number,
        stage,
        rule,
        is_kept,
        value,
        bound,
        reason
    from filters
    union all
    select
        symbol,
        4 as stage_number,
        'approval' as stage,
        coalesce(failed_rule, 'passed') as rule,
        is_approved as is_kept,
        score as value,
        null as bound,
        reason
    from approvals
)

select * from unioned
