{%- set columns = {
    'symbol': 'varchar', 'stage': 'varchar', 'rule': 'varchar', 'is_kept': 'boolean', 'value': 'double',
    'bound': 'double', 'reason': 'varchar'
} -%}

with listed as (
    {{ typed_source('funnel_markets', columns) }}
),

liquid as (
    {{ typed_source('liquid_symbols', columns) }}
),

screened as (
    {{ typed_source('screened_symbols', columns) }}
),

unioned as (
    select 1 as stage_number, * from listed
    union all
    select 2 as stage_number, * from liquid
    union all
    select 3 as stage_number, * from screened
)

select * from unioned
