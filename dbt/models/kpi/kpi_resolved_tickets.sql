{#- Grain: one row per resolved ticket that counts (no spam, test, merged or deleted one). -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- Solved at an unknown moment belongs to no month.
tickets as (

    select * from {{ ref('fct_tickets') }}
    where is_countable and is_resolved and resolved_at is not null

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

-- Tickets closed by a rule or without any touch stand apart: they show neither success nor failure of the service.
final as (

    select
        tickets.ticket_key,
        tickets.customer_key,
        tickets.resolved_date,
        cast(date_trunc('month', tickets.resolved_date) as date) as resolved_month,
        tickets.is_auto_closed,
        tickets.is_zero_reply and not tickets.is_auto_closed as is_zero_reply,
        not tickets.is_auto_closed and not tickets.is_zero_reply as is_answered,
        tickets.is_one_touch,
        tickets.is_reopened,
        {{ elapsed_days('tickets.resolved_at', 'tickets.next_ticket_created_at') }} as days_to_next_ticket,
        tickets.is_one_touch
        and coalesce(
            {{ elapsed_days('tickets.resolved_at', 'tickets.next_ticket_created_at') }} > parameters.fcr_window_days, true
        ) as is_first_contact_resolution,
        {{ days_between('tickets.resolved_date', 'parameters.as_of_date') }} <= parameters.fcr_window_days as is_window_open,
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
    cross join parameters
    left join employees on tickets.employee_key = employees.employee_key
    left join products on tickets.product_key = products.product_key
    left join customer_values on tickets.customer_key = customer_values.customer_key

)

select * from final
