{#- Grain: one row per customer segment and product whose owners were given arguments often enough: the argument they answered most. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

cutoffs as (

    select * from {{ ref('pred_rule_cutoffs') }}
    where purpose = 'today'

),

addressees as (

    select * from {{ ref('kpi_campaign_addressees') }}
    where argument <> 'unknown' and not is_bounced

),

first_purchases as (

    select * from {{ ref('pred_first_purchases') }}
    where purpose = 'today'

),

-- Who was contacted a few days ago may still answer.
answered as (

    select addressees.*
    from addressees
    cross join parameters
    inner join cutoffs
        on {{ date_plus('addressees.contact_date', 'parameters.offer_argument_response_days') }} <= cutoffs.through_date

),

-- Joins each contact with the products of the person on purpose: a contact speaks for every product he has.
counted as (

    select
        answered.customer_segment,
        first_purchases.product_key,
        answered.argument,
        count(*) as addressed_count,
        count(*) filter (where answered.is_responded) as responded_count
    from answered
    inner join first_purchases on answered.customer_key = first_purchases.customer_key
    group by answered.customer_segment, first_purchases.product_key, answered.argument

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
