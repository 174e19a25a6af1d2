{#- Grain: one row per ABC class that has customers. -#}
{%- set so_far = 'order by abc_class rows between unbounded preceding and current row' %}

with customer_costs as (

    select * from {{ ref('kpi_cost_to_serve') }}

),

summed as (

    select
        abc_class,
        count(*) as customer_count,
        coalesce(sum(margin_amount), 0) as margin_amount,
        sum(service_cost_amount) as service_cost_amount,
        sum(retention_cost_amount) as retention_cost_amount,
        sum(service_cost_amount + retention_cost_amount) as budget_amount,
        count(*) filter (where is_cost_above_margin) as unprofitable_count
    from customer_costs
    group by abc_class

),

totalled as (

    select
        *,
        greatest(margin_amount, 0) as positive_margin_amount,
        sum(greatest(margin_amount, 0)) over () as total_margin_amount,
        sum(service_cost_amount) over () as total_service_cost_amount,
        sum(retention_cost_amount) over () as total_retention_cost_amount,
        sum(budget_amount) over () as total_budget_amount
    from summed

),

-- The same budget in proportion to margin: what all classes up to this one get, so that the parts add up to the cent.
running as (

    select
        *,
        cast(
            {{ rounded(
                'total_budget_amount * ' ~ safe_ratio('sum(positive_margin_amount) over (' ~ so_far ~ ')', 'total_margin_amount'), 2
            ) }}
            as decimal(18, 2)
        ) as optimum_so_far
    from totalled

),

final as (

    select
        abc_class,
        customer_count,
        cast(margin_amount as decimal(18, 2)) as margin_amount,
        cast(service_cost_amount as decimal(18, 2)) as service_cost_amount,
        cast(retention_cost_amount as decimal(18, 2)) as retention_cost_amount,
        cast(budget_amount as decimal(18, 2)) as budget_amount,
        {{ safe_ratio('positive_margin_amount', 'total_margin_amount') }} as margin_share_rate,
        {{ safe_ratio('service_cost_amount', 'total_service_cost_amount') }} as service_cost_share_rate,
        {{ safe_ratio('retention_cost_amount', 'total_retention_cost_amount') }} as retention_cost_share_rate,
        cast(budget_amount as double) / customer_count as cost_per_customer,
        cast(optimum_so_far - lag(optimum_so_far, 1, 0) over (order by abc_class) as decimal(18, 2)) as optimal_budget_amount,
        cast(
            optimum_so_far - lag(optimum_so_far, 1, 0) over (order by abc_class) - budget_amount as decimal(18, 2)
        ) as budget_change_amount,
        unprofitable_count,
        budget_amount > margin_amount as is_cost_above_margin
    from running

)

select * from final
