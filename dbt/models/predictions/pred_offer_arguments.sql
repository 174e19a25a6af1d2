{#- Grain: one row per customer segment and product whose owners were given arguments often enough: the argument they answered most. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}
    where argument <> 'unknown' and not is_bounced

),

owned_products as (

    select * from {{ ref('pred_first_purchases') }}
    where purpose = 'today'

),

-- Joins each contact with the products of the person on purpose: a contact speaks for every product he has.
counted as (

    select
        addressees.customer_segment,
        owned_products.product_key,
        addressees.argument,
        count(*) as addressed_count,
        count(*) filter (where addressees.is_responded) as responded_count
    from addressees
    inner join owned_products on addressees.customer_key = owned_products.customer_key
    group by addressees.customer_segment, owned_products.product_key, addressees.argument

),

final as (

    select
        counted.customer_segment,
        counted.product_key,
        counted.argument,
        counted.addressed_count,
        counted.responded_count,
        counted.responded_count / cast(counted.addressed_count as double) as response_rate
    from counted
    cross join parameters
    where counted.addressed_count >= parameters.offer_argument_min_contacts and counted.responded_count > 0
    qualify
        row_number() over (
            partition by counted.customer_segment, counted.product_key
            order by response_rate desc, counted.addressed_count desc, counted.argument asc
        ) = 1

)

select * from final
