with source as (
    {{ typed_source('users', {
        'user_id': 'varchar', 'name': 'varchar', 'mode': 'varchar', 'capital': 'double', 'is_paused': 'boolean'
    }) }}
),

renamed as (
    select
        user_id,
        name as user_name,
        mode as trading_mode,
        capital as capital_quote,
        is_paused
    from source
)

select * from renamed
