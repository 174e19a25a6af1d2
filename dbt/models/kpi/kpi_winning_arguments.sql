{#- Grain: one row per argument, customer segment and purpose of the campaign. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}
    where argument <> 'unknown'

),

order_lines as (

    select * from {{ ref('fct_order_lines') }}
    where is_countable and customer_key <> 'unknown'

),

orders as (

    select
        order_key,
        customer_key,
        ordered_at,
        order_date,
        sum(net_amount) as revenue_amount,
        sum(margin_amount) as margin_amount
    from order_lines
    cross join parameters
    where order_date <= parameters.as_of_date
    group by order_key, customer_key, ordered_at, order_date

),

-- An order meets every contact of its customer within the window, and belongs to the last one only.
convinced as (

    select
        addressees.addressee_key,
        orders.revenue_amount,
        orders.margin_amount
    from orders
    cross join parameters
    inner join addressees
        on
            orders.customer_key = addressees.customer_key
            and orders.ordered_at >= addressees.contacted_at
            and {{ days_between('addressees.contact_date', 'orders.order_date') }} <= parameters.attribution_window_days
    where not addressees.is_bounced
    qualify
        row_number() over (
            partition by orders.order_key
            order by addressees.contacted_at desc, addressees.addressee_key desc
        ) = 1

),

bought as (

    select
        addressee_key,
        count(*) as order_count,
        sum(revenue_amount) as revenue_amount,
        sum(margin_amount) as margin_amount
    from convinced
    group by addressee_key

),

counted as (

    select
        addressees.argument,
        addressees.customer_segment,
        addressees.purpose,
        count(*) as addressed_count,
        count(*) filter (where addressees.is_responded) as responded_count,
        count(*) filter (where addressees.is_converted) as converted_count,
        cast(coalesce(sum(bought.order_count), 0) as bigint) as order_count,
        cast(coalesce(sum(bought.revenue_amount), 0) as decimal(18, 2)) as revenue_amount,
        cast(coalesce(sum(bought.margin_amount), 0) as decimal(18, 2)) as margin_amount
    from addressees
    left join bought on addressees.addressee_key = bought.addressee_key
    group by addressees.argument, addressees.customer_segment, addressees.purpose

),

rated as (

    select
        *,
        {{ safe_ratio('responded_count', 'addressed_count') }} as response_rate,
        {{ safe_ratio('converted_count', 'addressed_count') }} as conversion_rate,
        addressed_count >= parameters.min_segment_size as has_enough_contacts
    from counted
    cross join parameters

),

final as (

    select
        {{ surrogate_key(['argument', 'customer_segment', 'purpose']) }} as winning_argument_key,
        argument,
        customer_segment,
        purpose,
        addressed_count,
        responded_count,
        converted_count,
        response_rate,
        conversion_rate,
        order_count,
        revenue_amount,
        margin_amount,
        has_enough_contacts,
        has_enough_contacts
        and responded_count > 0
        and row_number() over (
            partition by customer_segment, purpose
            order by has_enough_contacts desc, conversion_rate desc, response_rate desc, margin_amount desc, argument asc
        ) = 1 as is_winner
    from rated

)

select * from final
