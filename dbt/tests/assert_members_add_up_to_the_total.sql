{#-
    The numerators and denominators of the members of every cut add up to those of the total. Where the members share one
    whole (the revenue that attribution divides), each has that whole as its denominator instead.
-#}

with scoreboard as (

    select * from {{ ref('kpi_scoreboard') }}
    where numerator is not null and dimension <> 'stage'

),

totals as (

    select * from scoreboard
    where dimension = 'total'

),

-- A cut has no row for a month in which none of its members has one.
cuts as (

    select
        kpi,
        reading,
        month,
        dimension,
        sum(numerator) as numerator,
        sum(denominator) as denominator,
        min(denominator) as smallest_denominator,
        max(denominator) as largest_denominator
    from scoreboard
    where dimension <> 'total'
    group by kpi, reading, month, dimension

)

select
    cuts.kpi,
    cuts.reading,
    cuts.month,
    cuts.dimension,
    cuts.numerator,
    cuts.denominator,
    totals.numerator as total_numerator,
    totals.denominator as total_denominator
from cuts
left join totals
    on
        cuts.kpi = totals.kpi
        and cuts.reading = totals.reading
        and cuts.month = totals.month
where
    totals.kpi is null
    or cuts.numerator <> totals.numerator
    or (
        cuts.denominator <> totals.denominator
        and (cuts.smallest_denominator <> totals.denominator or cuts.largest_denominator <> totals.denominator)
    )
