{#- Grain: one row per kpi, reading, month, dimension and member. -#}

with headlines as (

    select * from {{ ref('kpi_headlines') }}

),

targets as (

    select * from {{ ref('kpi_targets') }}

),

-- The month before, not the row before: a month without a row has no value to compare with.
compared as (

    select
        kpi,
        reading,
        month,
        dimension,
        member,
        numerator,
        denominator,
        value,
        unit,
        is_final,
        case
            when lag(month) over (partition by kpi, reading, dimension, member order by month) = {{ date_plus('month', -1, 'month') }}
                then lag(value) over (partition by kpi, reading, dimension, member order by month)
        end as previous_value
    from headlines

),

-- A target holds from its first day until the next one for the same figure.
aimed as (

    select
        kpi,
        reading,
        dimension,
        member,
        target,
        valid_from,
        lead(valid_from) over (partition by kpi, reading, dimension, member order by valid_from) as next_valid_from
    from targets

),

final as (

    select
        {{ surrogate_key(['compared.kpi', 'compared.reading', 'compared.month', 'compared.dimension', 'compared.member']) }}
            as scoreboard_key,
        compared.kpi,
        compared.reading,
        compared.month,
        compared.dimension,
        compared.member,
        compared.numerator,
        compared.denominator,
        compared.value,
        compared.unit,
        compared.is_final,
        compared.previous_value,
        aimed.target
    from compared
    left join aimed
        on
            compared.kpi = aimed.kpi
            and compared.reading = aimed.reading
            and compared.dimension = aimed.dimension
            and compared.member = aimed.member
            and compared.month >= aimed.valid_from
            and (aimed.next_valid_from is null or compared.month < aimed.next_valid_from)

)

select * from final
