-- A symbol that one stage dropped is not judged by a later one of the same pass.
select earlier.symbol, earlier.stage as dropped_at, later.stage as judged_again_at
from {{ ref('fct_funnel') }} as earlier
inner join {{ ref('fct_funnel') }} as later
    on earlier.symbol = later.symbol and earlier.stage_number < later.stage_number
where not earlier.is_kept
