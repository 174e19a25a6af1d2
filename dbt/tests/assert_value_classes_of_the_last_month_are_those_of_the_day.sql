{#- On the last day of a month whole months are the days of the run, and both ways of classing a customer agree. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- Twelve months before the 28th of February of a leap year's successor is not the end of a month: then there is nothing to compare.
month_ends as (

    select as_of_month
    from parameters
    where
        {{ date_plus('as_of_date', 1) }} = {{ date_plus('as_of_month', 1, 'month') }}
        and extract(day from {{ date_plus(date_plus('as_of_date', -12, 'month'), 1) }}) = 1
        and extract(day from {{ date_plus(date_plus('as_of_date', '-rfm_window_months', 'month'), 1) }}) = 1

),

value_classes as (

    select value_classes.*
    from {{ ref('kpi_value_classes_monthly') }} as value_classes
    inner join month_ends on value_classes.month = month_ends.as_of_month

),

abc_classes as (

    select * from {{ ref('kpi_abc_classes') }}

),

rfm_scores as (

    select * from {{ ref('kpi_rfm_scores') }}

)

select
    value_classes.customer_key,
    value_classes.abc_revenue_class,
    abc_classes.abc_revenue_class as abc_revenue_class_of_the_day,
    value_classes.rfm_code,
    rfm_scores.rfm_code as rfm_code_of_the_day
from value_classes
left join abc_classes on value_classes.customer_key = abc_classes.customer_key
left join rfm_scores on value_classes.customer_key = rfm_scores.customer_key
where
    value_classes.revenue_12m_amount is distinct from abc_classes.revenue_12m_amount
    or value_classes.abc_revenue_class is distinct from abc_classes.abc_revenue_class
    or value_classes.rfm_code is distinct from rfm_scores.rfm_code
