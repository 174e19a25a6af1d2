{#- Grain: one row per month of joining and customer who joined in it, or is compared with those who did. -#}
{%- set stratum = [
    'states.month', 'states.customer_segment', 'states.cohort_quarter', 'states.frequency_band', 'states.spend_band', 'states.recency_band',
] %}
{%- set of_one = 'partition by customer_months.customer_key order by customer_months.month' %}
{%- set earlier = of_one ~ ' rows between unbounded preceding and 1 preceding' %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

loyalty_members as (

    select * from {{ ref('kpi_loyalty_members') }}
    where customer_key <> 'unknown'

),

customer_months as (

    select * from {{ ref('fct_customer_months') }}

),

-- Somebody with two cards joined with the first and has left with the last.
members as (

    select
        customer_key,
        cast(date_trunc('month', min(joined_date)) as date) as joined_month,
        case when not bool_or(is_member) then cast(date_trunc('month', max(left_date)) as date) end as left_month
    from loyalty_members
    group by customer_key

),

-- What was known of a customer before the month: nothing of it may be an effect of joining.
before as (

    select
        customer_months.customer_key,
        customer_months.month,
        customers.customer_segment,
        cast(date_trunc('quarter', min(customer_months.month) over (partition by customer_months.customer_key)) as date) as cohort_quarter,
        coalesce(sum(customer_months.order_count) over ({{ earlier }}), 0) as order_count,
        coalesce(sum(customer_months.revenue_amount) over ({{ earlier }}), 0) as revenue_amount,
        lag(customer_months.days_since_last_order) over ({{ of_one }}) as recency_days
    from customer_months
    inner join customers on customer_months.customer_key = customers.customer_key

),

states as (

    select
        *,
        case when order_count <= 2 then order_count when order_count < 6 then 3 else 6 end as frequency_band,
        case
            when revenue_amount < 100 then 0 when revenue_amount < 400 then 100 when revenue_amount < 1600 then 400 else 1600
        end as spend_band,
        case when recency_days < 90 then 0 when recency_days < 180 then 90 else 180 end as recency_band
    from before

),

joined as (

    select
        {{ surrogate_key(stratum) }} as stratum_key,
        states.customer_key,
        states.customer_segment,
        states.month as index_month,
        members.left_month as until_month
    from states
    inner join members on states.customer_key = members.customer_key and states.month = members.joined_month

),

strata as (

    select
        stratum_key,
        index_month,
        count(*) as member_count
    from joined
    group by stratum_key, index_month

),

-- Alike and no member yet; chance is the hash of customer and month, the same every night.
comparables as (

    select
        strata.stratum_key,
        states.customer_key,
        states.customer_segment,
        states.month as index_month,
        members.joined_month as until_month,
        strata.member_count
    from states
    inner join strata on {{ surrogate_key(stratum) }} = strata.stratum_key
    cross join parameters
    left join members on states.customer_key = members.customer_key
    where members.joined_month is null or members.joined_month > states.month
    qualify
        row_number() over (
            partition by strata.stratum_key
            order by {{ surrogate_key(['states.month', 'states.customer_key']) }}
        ) <= parameters.loyalty_comparables_per_member * strata.member_count

),

final as (

    select
        {{ surrogate_key(['index_month', 'customer_key']) }} as comparison_key,
        stratum_key,
        customer_key,
        customer_segment,
        index_month,
        until_month,
        true as is_member
    from joined
    union all
    select
        {{ surrogate_key(['index_month', 'customer_key']) }} as comparison_key,
        stratum_key,
        customer_key,
        customer_segment,
        index_month,
        until_month,
        false as is_member
    from comparables

)

select * from final
