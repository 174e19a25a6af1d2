{#- Grain: one row per month, customer and side: member, or comparable outside the programme. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

comparables as (

    select * from {{ ref('kpi_loyalty_comparables') }}

),

customer_months as (

    select
        customer_key,
        month,
        order_count,
        margin_amount + contract_margin_amount - refund_amount + returned_cost_amount as margin_amount
    from {{ ref('fct_customer_months') }}

),

months as (

    select month from customer_months
    group by month

),

-- A kind has one month of joining, which is half before it and counts for nobody; nor do months from leaving, or joining oneself, on.
cohorts as (

    select
        comparables.stratum_key,
        months.month,
        count(*) filter (where comparables.is_member) as member_count,
        count(*) filter (where not comparables.is_member) as comparable_count
    from comparables
    inner join months
        on
            comparables.index_month < months.month
            and (comparables.until_month is null or comparables.until_month > months.month)
    group by comparables.stratum_key, months.month

),

observed as (

    select
        comparables.customer_key,
        comparables.customer_segment,
        comparables.is_member,
        customer_months.month,
        customer_months.order_count,
        customer_months.margin_amount,
        cohorts.member_count,
        cohorts.comparable_count
    from comparables
    cross join parameters
    inner join customer_months
        on
            comparables.customer_key = customer_months.customer_key
            and (comparables.until_month is null or comparables.until_month > customer_months.month)
    inner join cohorts on comparables.stratum_key = cohorts.stratum_key and customer_months.month = cohorts.month
    where customer_months.month <= parameters.as_of_month

),

-- A comparable stands for as many members as there are for each of its kind; it may stand for several cohorts.
weighed as (

    select
        month,
        customer_key,
        customer_segment,
        is_member,
        order_count,
        margin_amount,
        sum(
            case
                when not is_member
                    then cast({{ rounded('cast(nullif(member_count, 0) as double) / comparable_count', 8) }} as decimal(18, 8))
                when comparable_count > 0 then 1
            end
        ) as weight
    from observed
    group by all

),

final as (

    select
        {{ surrogate_key(['month', 'customer_key', 'is_member']) }} as observation_key,
        month,
        customer_key,
        customer_segment,
        is_member,
        cast(weight as decimal(18, 8)) as weight,
        order_count,
        cast(margin_amount as decimal(18, 2)) as margin_amount
    from weighed

)

select * from final
