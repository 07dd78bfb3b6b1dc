with source as (
    {{ typed_source('slippage_by_place', {
        'mode': 'varchar',
        'place': 'bigint',
        'entries': 'bigint',
        'behind_first': 'double',
        'slippage': 'double',
        'waited_s': 'double'
    }) }}
),

renamed as (
    select
        mode as trading_mode,
        place as place_in_rotation,
        entries,
        behind_first,
        slippage,
        waited_s
    from source
)

select * from renamed
