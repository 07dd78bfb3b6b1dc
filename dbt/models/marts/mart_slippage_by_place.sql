with places as (
    select * from {{ ref('stg_lake__slippage_by_place') }}
),

in_basis_points as (
    select
        trading_mode,
        place_in_rotation,
        entries,
        behind_first * 10000 as behind_first_bps,
        slippage * 10000 as slippage_bps,
        waited_s
    from places
)

select * from in_basis_points
