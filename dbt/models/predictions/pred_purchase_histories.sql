{#- Grain: one row per purpose of pred_cutoffs and customer who had bought something by then. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

rule_cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

contract_months as (

    select * from {{ ref('fct_customer_months') }}
    where active_contract_count > 0

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current

),

-- The day of the run comes from the parameters: who did nothing since yesterday has the same history as yesterday.
cutoffs as (

    select
        'today' as purpose,
        as_of_date as through_date,
        as_of_date as until_date
    from parameters
    union all
    select
        case purpose when 'today' then 'fit' else purpose end as purpose,
        through_date,
        until_date
    from rule_cutoffs

),

-- The margin of a contract is booked on the first of its months: what is left is that of goods, unknown if none of their costs is known.
goods as (

    select
        contributions.customer_key,
        contributions.contribution_date,
        contributions.order_count > 0 as is_purchase,
        min(case when contributions.order_count > 0 then contributions.contribution_date end) over (
            partition by contributions.customer_key
        ) as first_purchase_date,
        case
            when contract_months.customer_key is null then contributions.contribution_amount
            when contributions.costed_revenue_amount > contract_months.contract_amount or contributions.refund_amount > 0
                then contributions.contribution_amount - contract_months.contract_margin_amount
        end as margin_amount
    from contributions
    left join contract_months
        on contributions.customer_key = contract_months.customer_key and contributions.contribution_date = contract_months.month

),

-- One row per purpose, customer and day up to the day that the watching ends.
seen as (

    select
        cutoffs.purpose,
        cutoffs.through_date,
        goods.customer_key,
        goods.contribution_date,
        goods.is_purchase,
        goods.margin_amount,
        goods.first_purchase_date,
        goods.contribution_date <= cutoffs.through_date as is_known,
        goods.is_purchase and goods.margin_amount > 0 as is_valued
    from goods
    inner join cutoffs on goods.contribution_date <= cutoffs.until_date

),

counted as (

    select
        purpose,
        through_date,
        customer_key,
        first_purchase_date,
        max(contribution_date) filter (where is_known and is_purchase) as last_purchase_date,
        count(*) filter (where is_known and is_purchase and contribution_date > first_purchase_date) as repeat_purchase_days,
        count(*) filter (where is_known and is_valued and contribution_date > first_purchase_date) as valued_purchase_days,
        sum(margin_amount) filter (where is_known and is_valued and contribution_date > first_purchase_date) as valued_margin_amount,
        coalesce(sum(margin_amount) filter (where is_known and is_valued), 0) as positive_margin_amount,
        coalesce(sum(margin_amount) filter (where is_known), 0) as net_margin_amount,
        count(*) filter (where not is_known and is_purchase) as later_purchase_days
    from seen
    group by all

),

final as (

    select
        {{ surrogate_key(['counted.purpose', 'counted.customer_key']) }} as purchase_history_key,
        counted.purpose,
        counted.customer_key,
        customers.customer_segment,
        counted.first_purchase_date,
        counted.last_purchase_date,
        counted.repeat_purchase_days,
        {{ days_between('counted.first_purchase_date', 'counted.last_purchase_date') }} as recency_days,
        counted.valued_purchase_days,
        cast(
            {{ rounded('cast(counted.valued_margin_amount as double) / counted.valued_purchase_days', 2) }} as decimal(18, 2)
        ) as mean_purchase_margin_amount,
        cast(counted.positive_margin_amount as decimal(18, 2)) as positive_margin_amount,
        cast(counted.net_margin_amount as decimal(18, 2)) as net_margin_amount,
        counted.later_purchase_days
    from counted
    inner join customers on counted.customer_key = customers.customer_key
    where counted.first_purchase_date <= counted.through_date

)

select * from final
