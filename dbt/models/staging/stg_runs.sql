{#- Grain: one row, the day the run is for. -#}

with runs as (

    select * from {{ source('raw', 'runs') }}

),

final as (

    select max(as_of_date) as as_of_date
    from runs

)

select * from final
