{#- Grain: one row per ticket that counts and month at whose end it was open. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and (resolved_at is not null or not is_resolved)

),

employees as (

    select * from {{ ref('dim_employees') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

-- The open month ends, for now, with the day of the run.
months as (

    select
        dates.month,
        least({{ date_plus('dates.month', 1, 'month') }}, {{ date_plus('parameters.as_of_date', 1) }}) as next_date
    from {{ ref('dim_date') }} as dates
    cross join parameters
    where dates.date_day = dates.month and dates.month <= parameters.as_of_month

),

-- No row for most tickets: they are resolved in the month they are opened in.
final as (

    select
        {{ surrogate_key(['tickets.ticket_key', 'months.month']) }} as open_ticket_key,
        tickets.ticket_key,
        tickets.customer_key,
        months.month,
        tickets.created_date,
        {{ elapsed_days('tickets.created_at', 'cast(months.next_date as timestamp)') }} as age_days,
        tickets.team,
        coalesce(employees.employee_id, 'unknown') as employee,
        tickets.channel,
        tickets.topic,
        tickets.ticket_type,
        tickets.priority,
        coalesce(products.product_category, 'unknown') as product_category,
        tickets.customer_segment,
        coalesce(customer_values.abc_class, 'unknown') as abc_class
    from tickets
    inner join months
        on
            tickets.created_date < months.next_date
            and coalesce(tickets.resolved_date, date '9999-12-31') >= months.next_date
    left join employees on tickets.employee_key = employees.employee_key
    left join products on tickets.product_key = products.product_key
    left join customer_values on tickets.customer_key = customer_values.customer_key

)

select * from final
