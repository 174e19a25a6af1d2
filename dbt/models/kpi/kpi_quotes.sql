{#- Grain: one row per quote number of which a version was sent: its latest version. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

quotes as (

    select * from {{ ref('fct_quotes') }}
    where is_countable and is_latest_version and is_sent and issued_date is not null

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

judged as (

    select
        quotes.*,
        quotes.is_accepted or quotes.is_ordered as is_successful,
        -- An offer whose last day has passed waits for nothing any more, whether its system calls it expired or not.
        coalesce(quotes.valid_until >= parameters.as_of_date, true) as is_valid,
        {{ days_between('quotes.issued_date', 'cast(quotes.ordered_at as date)') }} as days_to_order
    from quotes
    cross join parameters

),

final as (

    select
        judged.quote_key,
        judged.customer_key,
        judged.opportunity_key,
        judged.employee_key,
        cast(date_trunc('month', judged.issued_date) as date) as issued_month,
        judged.quoted_amount,
        judged.discount_amount,
        judged.quoted_amount + judged.discount_amount as list_amount,
        judged.is_successful,
        judged.is_successful
        or judged.quote_status in ('declined', 'expired')
        or (judged.quote_status = 'sent' and not judged.is_valid) as is_decided,
        judged.is_ordered,
        judged.quote_status = 'sent' and judged.is_valid and not judged.is_ordered as is_awaiting_decision,
        judged.quote_status in ('sent', 'accepted') and judged.is_valid and not judged.is_ordered as is_awaiting_order,
        case when judged.days_to_order >= 0 then cast(judged.days_to_order as double) end as days_to_order,
        judged.customer_segment,
        judged.region,
        judged.team,
        coalesce(employees.employee_id, 'unknown') as employee,
        coalesce(opportunities.product_category, 'unknown') as product_category,
        coalesce(opportunities.channel, 'unknown') as channel,
        coalesce(opportunities.campaign, 'unknown') as campaign
    from judged
    left join opportunities on judged.opportunity_key = opportunities.opportunity_key
    left join employees on judged.employee_key = employees.employee_key

)

select * from final
