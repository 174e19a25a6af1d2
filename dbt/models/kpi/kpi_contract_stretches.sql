{#- Grain: one row per customer and uninterrupted time under contract. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable and customer_key <> 'unknown' and (ended_date is null or ended_date >= started_date)

),

-- Until when earlier contracts of the customer reach; one that runs on reaches to the end of time.
covered as (

    select
        customer_key,
        contract_key,
        started_date,
        coalesce(ended_date, cast('9999-12-31' as date)) as ended_date,
        max(coalesce(ended_date, cast('9999-12-31' as date))) over (
            partition by customer_key
            order by started_date, contract_key
            rows between unbounded preceding and 1 preceding
        ) as covered_until_date
    from contracts

),

-- Contracts that overlap, or follow within the grace period, are one stretch.
numbered as (

    select
        covered.customer_key,
        covered.started_date,
        covered.ended_date,
        sum(
            case
                when {{ days_between('covered.covered_until_date', 'covered.started_date') }} <= parameters.grace_days then 0
                else 1
            end
        ) over (
            partition by covered.customer_key
            order by covered.started_date, covered.contract_key
            rows between unbounded preceding and current row
        ) as stretch_number
    from covered
    cross join parameters

),

stretches as (

    select
        customer_key,
        cast(stretch_number as bigint) as stretch_number,
        min(started_date) as started_date,
        max(ended_date) as ended_date,
        count(*) as contract_count
    from numbered
    group by all

),

-- An end counts once the grace period after it has passed; until then the customer is still one.
final as (

    select
        {{ surrogate_key(['stretches.customer_key', 'stretches.stretch_number']) }} as contract_stretch_key,
        stretches.customer_key,
        stretches.stretch_number,
        stretches.started_date,
        case when stretches.ended_date < cast('9999-12-31' as date) then stretches.ended_date end as ended_date,
        case
            when {{ days_between('stretches.ended_date', 'parameters.as_of_date') }} > parameters.grace_days then stretches.ended_date
        end as lost_date,
        stretches.contract_count
    from stretches
    cross join parameters
    where stretches.started_date <= parameters.as_of_date

)

select * from final
