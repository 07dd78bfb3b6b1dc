with verdicts as (
    select * from {{ ref('int_funnel_stages_unioned') }}
),

final as (
    select
        symbol || ':' || stage as verdict_id,
        symbol,
        stage_number,
        stage,
        rule,
        is_kept,
        value,
        bound,
        reason
    from verdicts
)

select * from final
