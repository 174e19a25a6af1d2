{#- The members of every cut add up to the total of the month, and all months bring no more than the open deals are worth. -#}

with forecasts as (

    select * from {{ ref('kpi_pipeline_forecast') }}

),

deals as (

    select
        count(*) as deal_count,
        sum(coalesce(expected_amount, 0)) as expected_amount
    from {{ ref('pred_opportunity_forecasts') }}

),

totals as (

    select * from forecasts
    where dimension = 'total'

),

-- Each member is rounded to the cent.
cuts as (

    select
        month,
        dimension,
        count(*) as member_count,
        sum(open_count) as open_count,
        sum(expected_amount) as expected_amount
    from forecasts
    where dimension <> 'total'
    group by month, dimension

),

all_months as (

    select
        max(open_count) as open_count,
        count(*) as month_count,
        sum(expected_amount) as expected_amount
    from totals

)

select
    cuts.month,
    cuts.dimension,
    cuts.expected_amount,
    totals.expected_amount as wanted_amount
from cuts
left join totals on cuts.month = totals.month
where
    totals.month is null
    or cuts.open_count <> totals.open_count
    or abs(cuts.expected_amount - totals.expected_amount) > 0.01 * (cuts.member_count + 1)
union all
select
    cast(null as date) as month,
    'total' as dimension,
    all_months.expected_amount,
    deals.expected_amount as wanted_amount
from all_months
cross join deals
where
    all_months.open_count <> deals.deal_count
    or all_months.expected_amount > deals.expected_amount + 0.01 * (deals.deal_count + all_months.month_count)
