{#- Grain: one row per identifier of somebody who was erased. -#}

with erasures as (

    select * from {{ source('journal', 'erasures') }}

),

final as (

    select
        identifier_sha256,
        as_of_date as erased_date
    from erasures

)

select * from final
