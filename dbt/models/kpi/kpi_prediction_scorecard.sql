{#- Grain: one row per night, family, model, member and measure. -#}

with scorecards as (

    select * from {{ source('journal', 'scorecards') }}

),

final as (

    select
        as_of_date,
        family,
        model,
        member,
        measure,
        value,
        baseline_value,
        round(value - baseline_value, 9) as gain,
        round({{ safe_ratio('value - baseline_value', 'abs(baseline_value)') }}, 9) as gain_rate,
        is_better,
        learned_through_date,
        watched_until_date,
        case_count,
        as_of_date = max(as_of_date) over (partition by family) as is_latest
    from scorecards

)

select * from final
