{#- Grain: one row per product and month in whose window (the month and those just before) it was ordered. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

rates as (

    select * from {{ ref('kpi_complaint_rate_monthly') }}
    where reading = 'per_product_order' and dimension = 'product' and member <> 'unknown'

),

products as (

    select * from {{ ref('dim_products') }}

),

-- Each month has a window of its own and, before it, the months that say what is usual.
months as (

    select
        dates.month,
        {{ date_plus('dates.month', '1 - parameters.complaint_window_months', 'month') }} as window_month,
        {{ date_plus('dates.month', '1 - parameters.complaint_window_months - parameters.complaint_baseline_months', 'month') }}
            as baseline_month
    from {{ ref('dim_date') }} as dates
    cross join parameters
    where dates.date_day = dates.month and dates.month <= parameters.as_of_month

),

-- A month of a product is in as many windows and baselines as these have months.
summed as (

    select
        rates.member as product_id,
        months.month,
        cast(sum(case when rates.month >= months.window_month then rates.numerator else 0 end) as bigint) as complaint_count,
        cast(sum(case when rates.month >= months.window_month then rates.denominator else 0 end) as bigint) as order_count,
        cast(sum(case when rates.month < months.window_month then rates.numerator else 0 end) as bigint) as baseline_complaint_count,
        cast(sum(case when rates.month < months.window_month then rates.denominator else 0 end) as bigint) as baseline_order_count,
        min(months.baseline_month) >= (select min(all_rates.month) from rates as all_rates) as has_baseline
    from rates
    inner join months on rates.month >= months.baseline_month and rates.month <= months.month
    group by all

),

weighed as (

    select
        summed.*,
        {{ safe_ratio(
            'sum(summed.baseline_complaint_count) over (partition by summed.month)',
            'sum(summed.baseline_order_count) over (partition by summed.month)'
        ) }} as common_rate,
        summed.baseline_order_count + parameters.complaint_min_orders as centre_weight,
        parameters.control_limit_sigmas,
        parameters.complaint_min_orders,
        parameters.as_of_month
    from summed
    cross join parameters

),

-- The product's own usual rate, pulled towards that of all products with the weight of a few orders, so that a young product
-- has one, too, and one without complaints so far not that of 0.
centred as (

    select
        *,
        case
            when common_rate is not null
                then least((baseline_complaint_count + complaint_min_orders * common_rate) / centre_weight, 1)
        end as centre_line
    from weighed

),

-- Beside the chance in the window stands the one in the centre line, which is known from so many orders only.
limited as (

    select
        *,
        {{ safe_ratio('complaint_count', 'order_count') }} as complaint_rate,
        control_limit_sigmas
        * sqrt(centre_line * (1 - centre_line) * (1 / cast(order_count as double) + 1 / cast(centre_weight as double))) as margin
    from centred
    where order_count > 0

),

final as (

    select
        {{ surrogate_key(['products.product_key', 'limited.month']) }} as product_month_key,
        products.product_key,
        limited.product_id,
        products.product_name,
        products.product_category,
        limited.month,
        limited.complaint_count,
        limited.order_count,
        round(limited.complaint_rate, 6) as complaint_rate,
        limited.baseline_complaint_count,
        limited.baseline_order_count,
        round(limited.centre_line, 6) as centre_line,
        round(limited.centre_line - least(limited.margin, limited.centre_line), 6) as lower_limit,
        round(limited.centre_line + limited.margin, 6) as upper_limit,
        limited.has_baseline and limited.order_count >= limited.complaint_min_orders as is_judged,
        limited.month < limited.as_of_month as is_final
    from limited
    inner join products on limited.product_id = products.product_id

)

select * from final
