{#- Grain: one row per month, cost type, purpose, driver and customer. -#}

with driven as (

    select * from {{ ref('int_costs__driven') }}

),

-- Whole cents first, rounded down; a net reversal is spread like a cost and turned around at the end.
floored as (

    select
        *,
        cast(abs(pool_amount) * 100 as decimal(18, 0)) as pool_cents,
        cast(
            floor(cast(cast(abs(pool_amount) * 100 as decimal(18, 0)) * weight as double) / cast(total_weight as double)) as decimal(18, 0)
        ) as whole_cents
    from driven

),

-- The cents that are left go to the largest remainders, one each; equal remainders in the order of their keys.
ranked as (

    select
        *,
        pool_cents - sum(whole_cents) over (partition by pool_key) as left_cents,
        row_number() over (
            partition by pool_key
            order by pool_cents * weight - whole_cents * total_weight desc, customer_key
        ) as place
    from floored

),

allocated as (

    select
        month,
        cost_type,
        cost_purpose,
        driver,
        customer_key,
        sum(
            case when pool_amount < 0 then -1 else 1 end
            * (whole_cents + case when place <= left_cents then 1 else 0 end)
        ) as allocated_cents
    from ranked
    group by all

),

final as (

    select
        {{ surrogate_key(['month', 'cost_type', 'cost_purpose', 'driver', 'customer_key']) }} as customer_cost_key,
        month,
        cost_type,
        cost_purpose,
        driver,
        customer_key,
        cast(cast(allocated_cents as decimal(18, 0)) * cast(0.01 as decimal(3, 2)) as decimal(18, 2)) as allocated_amount
    from allocated
    where allocated_cents <> 0

)

select * from final
