with source as (
    {{ typed_source('skips', {
        'signal_set_id': 'varchar', 'signal_id': 'varchar', 'user_id': 'varchar', 'symbol': 'varchar',
        'rule': 'varchar', 'reason': 'varchar', 'at': 'timestamptz'
    }) }}
),

renamed as (
    select
        signal_set_id,
        signal_id,
        user_id,
        symbol,
        rule,
        reason,
        "at" as skipped_at_utc
    from source
)

select * from renamed
