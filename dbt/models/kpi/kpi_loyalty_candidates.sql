{#- Grain: one row per customer and month, from the first order or contract to the month of the run. -#}
{%- set of_one = 'partition by customer_months.customer_key order by customer_months.month' %}
{%- set earlier = of_one ~ ' rows between unbounded preceding and 1 preceding' %}

with customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

-- What was known of a customer before the month: nothing of it may be an effect of joining. Days since the last order are those at the end
-- of the month before, reckoned from the date, which does not move with the day of the run.
before as (

    select
        customer_months.customer_key,
        customer_months.month,
        customers.customer_segment,
        cast(date_trunc('quarter', min(customer_months.month) over (partition by customer_months.customer_key)) as date) as cohort_quarter,
        coalesce(sum(customer_months.order_count) over ({{ earlier }}), 0) as order_count,
        coalesce(sum(customer_months.revenue_amount) over ({{ earlier }}), 0) as revenue_amount,
        lag(customer_months.last_order_date) over ({{ of_one }}) as last_order_date
    from customer_months
    inner join customers on customer_months.customer_key = customers.customer_key

),

states as (

    select
        *,
        {{ days_between('last_order_date', date_plus('month', -1)) }} as recency_days
    from before

),

banded as (

    select
        *,
        case when order_count <= 2 then order_count when order_count < 6 then 3 else 6 end as frequency_band,
        case
            when revenue_amount < 100 then 0 when revenue_amount < 400 then 100 when revenue_amount < 1600 then 400 else 1600
        end as spend_band,
        case when recency_days < 90 then 0 when recency_days < 180 then 90 else 180 end as recency_band
    from states

),

final as (

    select
        customer_key,
        month,
        customer_segment,
        {{ surrogate_key(['month', 'customer_segment', 'cohort_quarter', 'frequency_band', 'spend_band', 'recency_band']) }} as stratum_key
    from banded

)

select * from final
