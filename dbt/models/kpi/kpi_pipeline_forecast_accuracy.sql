{#- Grain: one row per night (or back-test), forecast month that is over, dimension and member. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

said as (

    select
        as_of_date,
        false as is_backtest,
        month,
        dimension,
        member,
        expected_amount,
        lower_amount,
        upper_amount,
        expected_count,
        baseline_amount,
        method
    from {{ source('journal', 'pipeline_forecasts') }}
    union all
    select
        said_date as as_of_date,
        true as is_backtest,
        month,
        dimension,
        member,
        expected_amount,
        lower_amount,
        upper_amount,
        expected_count,
        baseline_amount,
        method
    from {{ source('fitted', 'pipeline_backtests') }}

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}
    where is_won

),

revisions as (

    select * from {{ ref('fct_opportunity_revisions') }}

),

nights as (

    select as_of_date
    from said
    group by as_of_date

),

-- A deal meets every night on which it was there and not yet won; an amount that nobody knew then was not forecast.
won as (

    select
        nights.as_of_date,
        opportunities.closed_month as month,
        opportunities.customer_segment,
        opportunities.team,
        case when revisions.amount is not null then opportunities.amount end as amount
    from nights
    inner join opportunities on nights.as_of_date >= opportunities.created_date and nights.as_of_date < opportunities.close_date
    left join revisions
        on
            opportunities.opportunity_key = revisions.opportunity_key
            and nights.as_of_date >= revisions.valid_from
            and nights.as_of_date < revisions.valid_to

),

actuals as (

    select
        as_of_date,
        month,
        case
            when grouping(customer_segment) = 0 then 'customer_segment'
            when grouping(team) = 0 then 'team'
            else 'total'
        end as dimension,
        coalesce(customer_segment, team, 'total') as member,
        sum(amount) as actual_amount,
        count(*) as actual_count
    from won
    group by grouping sets ((as_of_date, month), (as_of_date, month, customer_segment), (as_of_date, month, team))

),

compared as (

    select
        said.*,
        cast(coalesce(actuals.actual_amount, 0) as decimal(18, 2)) as actual_amount,
        coalesce(actuals.actual_count, 0) as actual_count
    from said
    cross join parameters
    left join actuals
        on
            said.as_of_date = actuals.as_of_date
            and said.month = actuals.month
            and said.dimension = actuals.dimension
            and said.member = actuals.member
    where {{ date_plus(date_plus('said.month', 1, 'month'), -1) }} <= parameters.as_of_date

),

final as (

    select
        as_of_date,
        is_backtest,
        month,
        dimension,
        member,
        method,
        expected_amount,
        lower_amount,
        upper_amount,
        actual_amount,
        cast(expected_amount - actual_amount as decimal(18, 2)) as error_amount,
        cast(abs(expected_amount - actual_amount) as decimal(18, 2)) as absolute_error_amount,
        cast(abs(baseline_amount - actual_amount) as decimal(18, 2)) as baseline_absolute_error_amount,
        actual_amount >= lower_amount and actual_amount <= upper_amount as is_covered,
        expected_count,
        actual_count
    from compared

)

select * from final
