{#- Grain: one row per purpose for which something is learned, as long as there are customers with a margin. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

contributions as (

    select * from {{ ref('kpi_customer_contributions') }}

),

margins as (

    select
        cutoffs.purpose,
        cutoffs.through_date,
        contributions.customer_key,
        sum(contributions.contribution_amount) as margin_amount
    from contributions
    inner join cutoffs
        on
            contributions.contribution_date > {{ date_plus('cutoffs.through_date', -12, 'month') }}
            and contributions.contribution_date <= cutoffs.through_date
    group by all
    having sum(contributions.contribution_amount) > 0

),

-- Class A by the rule of kpi_abc_classes, on each of the days: equal amounts stay together.
steps as (

    select
        purpose,
        through_date,
        margin_amount,
        count(*) as customer_count,
        sum(margin_amount) as step_amount
    from margins
    group by all

),

shares as (

    select
        purpose,
        through_date,
        margin_amount,
        customer_count,
        sum(step_amount) over (
            partition by purpose
            order by margin_amount desc
            rows between unbounded preceding and current row
        ) - step_amount as amount_before,
        sum(step_amount) over (partition by purpose) as total_amount
    from steps

),

final as (

    select
        shares.purpose,
        shares.through_date,
        cast(sum(shares.customer_count) as bigint) as best_customer_count,
        cast(min(shares.margin_amount) as decimal(18, 2)) as least_margin_amount
    from shares
    cross join parameters
    where {{ safe_ratio('shares.amount_before', 'shares.total_amount') }} < parameters.abc_a_share
    group by all

)

select * from final
