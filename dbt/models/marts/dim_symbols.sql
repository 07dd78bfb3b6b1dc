with verdicts as (
    select * from {{ ref('int_funnel_stages_unioned') }}
),

markets as (
    select * from {{ ref('stg_mexc__markets') }}
),

approvals as (
    select * from {{ ref('stg_lake__approvals') }}
),

furthest as (
    -- The last stage that judged a symbol says where it stands.
    select
        symbol,
        arg_max(stage, stage_number) as last_stage,
        arg_max(is_kept, stage_number) as is_kept_there,
        arg_max(rule, stage_number) as last_rule,
        arg_max(reason, stage_number) as last_reason
    from verdicts
    group by symbol
),

joined as (
    select
        furthest.symbol,
        markets.exchange_id,
        markets.base_asset,
        markets.quote_asset,
        markets.full_name,
        markets.market_id,
        markets.symbol is not null as is_valid,
        coalesce(markets.is_api_tradable, false) as is_api_tradable,
        coalesce(markets.is_planted_edge, false) as is_planted_edge,
        markets.taker_fee_fraction,
        markets.min_cost_quote,
        furthest.last_stage,
        furthest.is_kept_there,
        furthest.last_rule,
        furthest.last_reason,
        coalesce(approvals.is_approved, false) as is_approved,
        approvals.approval_id
    from furthest
    left join markets on furthest.symbol = markets.symbol
    left join approvals on furthest.symbol = approvals.symbol
)

select * from joined
