-- A symbol that one stage dropped is not judged by a later one of the same pass. A warning, not an error: a
-- stage that was materialised alone leaves the newest tables of two passes side by side, rightly.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_funnel'}}}) }}

select earlier.symbol, earlier.stage as dropped_at, later.stage as judged_again_at
from {{ ref('fct_funnel') }} as earlier
inner join {{ ref('fct_funnel') }} as later
    on earlier.symbol = later.symbol and earlier.stage_number < later.stage_number
where not earlier.is_kept
