{#- Grain: one row per customer with a birthday or an anniversary in the week that is looked at. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

-- Whole weeks from Monday on: the night on which somebody enters the list then does not tell his birthday.
weeks as (

    select cast(date_trunc('week', {{ date_plus('as_of_date', 'anniversary_lead_days') }}) as date) as week_start_date
    from parameters

),

week_days as (

    select
        week_start_date,
        {{ date_plus('week_start_date', 6) }} as week_end_date
    from weeks

),

days_to_celebrate as (

    select
        customer_key,
        'birthday' as occasion,
        birth_date as origin_date
    from customers
    where customer_type = 'person'
    union all
    select
        customer_key,
        'first_order' as occasion,
        first_order_date as origin_date
    from customer_values

),

-- A week around New Year belongs to two years. What began on 29 February is celebrated on the 28th in other years.
years as (

    select
        days_to_celebrate.*,
        week_days.week_start_date,
        week_days.week_end_date,
        cast(extract(year from week_days.week_start_date) - extract(year from days_to_celebrate.origin_date) as bigint) as year_count,
        cast(extract(year from week_days.week_end_date) - extract(year from days_to_celebrate.origin_date) as bigint) as late_year_count
    from days_to_celebrate
    cross join week_days

),

dated as (

    select
        *,
        {{ date_plus('origin_date', '12 * year_count', unit='month') }} as celebrated_date,
        {{ date_plus('origin_date', '12 * late_year_count', unit='month') }} as late_celebrated_date
    from years

),

upcoming as (

    select
        customer_key,
        occasion,
        week_start_date,
        week_end_date,
        case when celebrated_date >= week_start_date then year_count else late_year_count end as celebrated_year_count,
        case when celebrated_date >= week_start_date then celebrated_date else late_celebrated_date end as upcoming_date
    from dated

),

-- Of two occasions in a week the birthday counts. Nobody is congratulated on the day itself.
chosen as (

    select * from upcoming
    where upcoming_date >= week_start_date and upcoming_date <= week_end_date and celebrated_year_count > 0
    qualify row_number() over (partition by customer_key order by occasion) = 1

),

final as (

    select
        chosen.customer_key,
        cast(
            row_number() over (
                order by chosen.occasion asc, coalesce(customer_values.historic_clv_amount, 0) desc, chosen.customer_key asc
            ) as bigint
        ) as rank_number,
        case
            when chosen.occasion = 'birthday' then 'Birthday'
            when chosen.celebrated_year_count = 1 then '1 year since the first order'
            else cast(chosen.celebrated_year_count as string) || ' years since the first order'
        end || ' in the week of ' || cast(chosen.week_start_date as string) as reason,
        chosen.occasion,
        chosen.week_start_date,
        case when chosen.occasion = 'first_order' then chosen.celebrated_year_count end as customer_years
    from chosen
    inner join customers on chosen.customer_key = customers.customer_key
    left join customer_values on chosen.customer_key = customer_values.customer_key

)

select * from final
