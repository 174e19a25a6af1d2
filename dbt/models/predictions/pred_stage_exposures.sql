{#- Grain: one row per purpose, customer segment, stage, age band and what a day in it ended with. -#}

-- What is learned is learned from `fit` and `holdout`.
with stays as (

    select * from {{ ref('pred_stage_stays') }}
    where purpose <> 'today'

),

-- Narrow where most deals move, wide where few are left; the last has no end.
age_bands as (

    {% set starts = [0, 7, 14, 21, 30, 45, 60, 90, 120, 180, 365] -%}
    {% for start in starts -%}
    select
        cast({{ start }} as bigint) as band_start_days,
        cast({{ starts[loop.index] if not loop.last else 'null' }} as bigint) as band_end_days
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- A stay meets every band it reaches, and leaves its stage in the last of them, if it does.
spent as (

    select
        stays.purpose,
        stays.customer_segment,
        stays.stage_name,
        age_bands.band_start_days,
        age_bands.band_end_days,
        least(stays.days_in_stage, age_bands.band_end_days) - age_bands.band_start_days as band_days,
        case when stays.days_in_stage <= coalesce(age_bands.band_end_days, stays.days_in_stage) then stays.destination end as destination
    from stays
    inner join age_bands on stays.days_in_stage > age_bands.band_start_days

),

-- The day of a move ends somewhere else, all others where they began.
ended as (

    select
        purpose,
        customer_segment,
        stage_name,
        band_start_days,
        band_end_days,
        destination,
        cast(1 as bigint) as day_count
    from spent
    where destination is not null
    union all
    select
        purpose,
        customer_segment,
        stage_name,
        band_start_days,
        band_end_days,
        'none' as destination,
        case when destination is null then band_days else band_days - 1 end as day_count
    from spent

),

final as (

    select
        purpose,
        customer_segment,
        stage_name,
        band_start_days,
        band_end_days,
        destination,
        cast(sum(day_count) as bigint) as day_count
    from ended
    where day_count > 0
    group by all

)

select * from final
