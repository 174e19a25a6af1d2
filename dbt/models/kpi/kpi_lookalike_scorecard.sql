{#- Grain: one row per night, model, member and measure of the look-alikes. -#}

with scorecards as (

    select * from {{ source('journal', 'scorecards') }}
    where family = 'lookalikes'

),

final as (

    select
        {{ surrogate_key(['as_of_date', 'model', 'member', 'measure']) }} as scorecard_key,
        as_of_date,
        model,
        member,
        measure,
        value,
        baseline_value,
        is_better,
        learned_through_date,
        watched_until_date,
        case_count
    from scorecards

)

select * from final
