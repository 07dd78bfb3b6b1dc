with source as (
    {{ typed_source('approved_symbols', {
        'lineage_id': 'varchar', 'symbol': 'varchar', 'is_approved': 'boolean', 'failed_rule': 'varchar',
        'reason': 'varchar', 'score': 'double', 'backtest_id': 'varchar'
    }) }}
),

renamed as (
    select
        lineage_id as approval_id,
        symbol,
        is_approved,
        failed_rule,
        reason,
        score,
        backtest_id
    from source
)

select * from renamed
