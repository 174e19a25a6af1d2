{#- Grain: one row per fresh lead that resembles the best customers more than others do. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

lookalikes as (

    select * from {{ ref('pred_lookalike_leads') }}
    where best_customer_rate > usual_rate

),

employees as (

    select * from {{ ref('dim_employees') }}

),

final as (

    select
        lookalikes.lead_key,
        lookalikes.customer_key,
        cast(row_number() over (order by lookalikes.rank_number) as bigint) as rank_number,
        lookalikes.reason,
        lookalikes.lead_id,
        lookalikes.employee_key,
        coalesce(employees.employee_id, 'unknown') as employee_id,
        lookalikes.created_date,
        lookalikes.best_customer_rate
    from lookalikes
    cross join parameters
    left join employees on lookalikes.employee_key = employees.employee_key
    where {{ days_between('lookalikes.created_date', 'parameters.as_of_date') }} < parameters.lead_maturity_days

)

select * from final
