with source as (
    {{ typed_source('signals', {
        'lineage_id': 'varchar', 'symbol': 'varchar', 'open_time': 'timestamptz', 'is_entry': 'boolean',
        'is_exit': 'boolean', 'close': 'double', 'score': 'double', 'probability': 'double',
        'regime': 'varchar', 'reason': 'varchar', 'screening_id': 'varchar', 'model_id': 'varchar'
    }) }}
),

renamed as (
    select
        lineage_id as signal_id,
        symbol,
        open_time as bar_open_time_utc,
        is_entry,
        is_exit,
        close as close_quote,
        score,
        probability,
        regime,
        reason,
        screening_id,
        model_id
    from source
)

select * from renamed
