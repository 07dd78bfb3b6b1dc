with source as (
    {{ typed_source('missed_trades', {
        'mode': 'varchar',
        'way': 'varchar',
        'rule': 'varchar',
        'cause': 'varchar',
        'reason': 'varchar',
        'signals': 'bigint',
        'users': 'bigint',
        'times': 'bigint'
    }) }}
),

renamed as (
    select
        mode as trading_mode,
        way,
        rule,
        cause,
        reason,
        signals,
        users,
        times
    from source
)

select * from renamed
