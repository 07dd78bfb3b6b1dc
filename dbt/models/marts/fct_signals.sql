with signals as (
    select * from {{ ref('stg_lake__signals') }}
)

select * from signals
