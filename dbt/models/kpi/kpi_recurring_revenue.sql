{#- Grain: one row per customer and month at whose end a contract is in force. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable and (ended_date is null or ended_date >= started_date)

),

stretches as (

    select * from {{ ref('kpi_contract_stretches') }}

),

months as (

    select * from {{ ref('dim_date') }}
    where date_day = month

),

-- Every contract lies in exactly one stretch of its customer. Whoever is lost is so on the last paid day, not after it.
placed as (

    select
        contracts.customer_key,
        stretches.stretch_number,
        contracts.contract_key,
        contracts.started_date,
        coalesce(contracts.ended_date, date '9999-12-31') as ended_date,
        coalesce(contracts.monthly_amount, 0) as monthly_amount,
        coalesce({{ date_plus('stretches.lost_date', -1) }}, date '9999-12-31') as stretch_until_date,
        max(coalesce(contracts.ended_date, date '9999-12-31')) over (
            partition by contracts.customer_key
            order by contracts.started_date, contracts.contract_key
            rows between unbounded preceding and 1 preceding
        ) as covered_until_date
    from contracts
    inner join stretches
        on
            contracts.customer_key = stretches.customer_key
            and contracts.started_date >= stretches.started_date
            and (stretches.ended_date is null or contracts.started_date <= stretches.ended_date)

),

-- Contracts without a day between them are one run; runs with a gap that grace covers are one stretch.
numbered as (

    select
        customer_key,
        stretch_number,
        contract_key,
        started_date,
        ended_date,
        monthly_amount,
        stretch_until_date,
        sum(case when covered_until_date >= started_date then 0 else 1 end) over (
            partition by customer_key
            order by started_date, contract_key
            rows between unbounded preceding and current row
        ) as run_number
    from placed

),

runs as (

    select
        customer_key,
        stretch_number,
        run_number,
        max(ended_date) as run_ended_date,
        lead(min(started_date)) over (partition by customer_key, stretch_number order by run_number) as next_started_date
    from numbered
    group by customer_key, stretch_number, run_number

),

-- What ended last before a gap within a stretch is carried over the gap: no renewal in time is a churn and a comeback.
in_force as (

    select
        numbered.customer_key,
        numbered.started_date,
        numbered.monthly_amount,
        numbered.ended_date,
        case
            when numbered.ended_date < runs.run_ended_date then numbered.ended_date
            when runs.next_started_date is not null then {{ date_plus('runs.next_started_date', -1) }}
            else numbered.stretch_until_date
        end as in_force_until_date
    from numbered
    inner join runs
        on
            numbered.customer_key = runs.customer_key
            and numbered.run_number = runs.run_number

),

month_ends as (

    select
        months.month,
        least({{ date_plus(date_plus('months.month', 1, 'month'), -1) }}, parameters.as_of_date) as last_day
    from months
    cross join parameters
    where months.month <= parameters.as_of_month

),

-- Each contract meets every month end it is in force at: wanted.
final as (

    select
        {{ surrogate_key(['in_force.customer_key', 'month_ends.month']) }} as customer_month_key,
        in_force.customer_key,
        month_ends.month,
        cast(sum(in_force.monthly_amount) as decimal(18, 2)) as recurring_amount,
        cast(
            coalesce(sum(in_force.monthly_amount) filter (where in_force.ended_date < month_ends.last_day), 0) as decimal(18, 2)
        ) as carried_amount,
        count(*) as contract_count
    from in_force
    inner join month_ends
        on
            in_force.started_date <= month_ends.last_day
            and in_force.in_force_until_date >= month_ends.last_day
    group by in_force.customer_key, month_ends.month

)

select * from final
