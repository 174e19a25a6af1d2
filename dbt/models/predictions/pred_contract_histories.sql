{#- Grain: one row per purpose of pred_cutoffs and stretch under contract begun by then. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

stretches as (

    select * from {{ ref('kpi_contract_stretches') }}

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable and (ended_date is null or ended_date >= started_date)

),

-- Whether it was lost could be known only once the grace period had passed. Who is not lost is watched to the last day, paid or not.
seen as (

    select
        cutoffs.purpose,
        cutoffs.through_date,
        cutoffs.until_date,
        stretches.contract_stretch_key,
        stretches.customer_key,
        stretches.started_date,
        coalesce(
            {{ days_between('stretches.ended_date', 'cutoffs.through_date') }} > parameters.grace_days, false
        ) as is_lost,
        case
            when {{ days_between('stretches.ended_date', 'cutoffs.through_date') }} > parameters.grace_days
                then {{ date_plus('stretches.ended_date', 1) }}
            else cutoffs.through_date
        end as watched_date
    from stretches
    cross join parameters
    inner join cutoffs on stretches.started_date <= cutoffs.through_date

),

-- Whole months: the fifteenth to the fourteenth is not yet one.
aged as (

    select
        *,
        12 * (extract(year from watched_date) - extract(year from started_date))
        + extract(month from watched_date) - extract(month from started_date)
        - case when extract(day from watched_date) < extract(day from started_date) then 1 else 0 end as month_count
    from seen

),

-- What the contracts of the customer bring in per month that run on that day, or ended within the grace period before it.
margins as (

    select
        cutoffs.purpose,
        contracts.customer_key,
        sum(contracts.monthly_amount - contracts.monthly_cost_amount) as monthly_margin_amount
    from contracts
    cross join parameters
    inner join cutoffs
        on
            contracts.started_date <= cutoffs.through_date
            and (
                contracts.ended_date is null
                or {{ days_between('contracts.ended_date', 'cutoffs.through_date') }} <= parameters.grace_days
            )
    group by all

),

final as (

    select
        {{ surrogate_key(['aged.purpose', 'aged.contract_stretch_key']) }} as contract_history_key,
        aged.purpose,
        aged.contract_stretch_key,
        aged.customer_key,
        aged.through_date,
        aged.until_date,
        aged.started_date,
        cast(greatest(case when aged.is_lost then aged.month_count - 1 else aged.month_count end, 0) as bigint) as renewal_count,
        aged.is_lost,
        cast(case when not aged.is_lost then margins.monthly_margin_amount end as decimal(18, 2)) as monthly_margin_amount
    from aged
    left join margins on aged.purpose = margins.purpose and aged.customer_key = margins.customer_key

)

select * from final
