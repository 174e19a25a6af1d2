{#- Grain: one row per night, customer type and measure. -#}

with scorecards as (

    select * from {{ source('journal', 'scorecards') }}
    where family = 'churn_risk'

),

-- Better in all three measures is an A, in two of them a B, in fewer a C.
final as (

    select
        as_of_date,
        member as customer_type,
        measure,
        value as model_value,
        baseline_value as rule_value,
        is_better,
        case
            when count(*) filter (where is_better) over (partition by as_of_date, member) >= 3 then 'A'
            when count(*) filter (where is_better) over (partition by as_of_date, member) = 2 then 'B'
            else 'C'
        end as grade,
        learned_through_date,
        watched_until_date,
        case_count
    from scorecards

)

select * from final
