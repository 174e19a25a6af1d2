{#-
    Members of a delivered contact list who were held out of it, or of all lists, by then.

    Under the keys of the night for every night; on the night of the run also under every key that is one customer now.
-#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

memberships as (

    select * from {{ ref('fct_segment_memberships') }}

),

holdouts as (

    select * from {{ source('journal', 'holdouts') }}

),

customer_records as (

    select * from {{ ref('dim_customer_records') }}

),

lists as (

    select
        deliveries.segment,
        deliveries.as_of_date
    from {{ ref('fct_segment_deliveries') }} as deliveries
    inner join {{ source('journal', 'segments') }} as segments
        on deliveries.segment = segments.segment and deliveries.as_of_date = segments.as_of_date
    where deliveries.is_delivered and segments.channel <> 'internal'

),

held_out as (

    select
        scope,
        customer_key as any_key,
        as_of_date as since_date
    from holdouts
    union all
    select
        holdouts.scope,
        customer_records.customer_key as any_key,
        parameters.as_of_date as since_date
    from holdouts
    cross join parameters
    inner join customer_records on holdouts.customer_key = customer_records.account_key
    where holdouts.as_of_date <= parameters.as_of_date and holdouts.customer_key <> customer_records.customer_key

)

select
    memberships.segment,
    memberships.customer_key,
    lists.as_of_date,
    held_out.scope,
    held_out.since_date
from memberships
inner join held_out
    on
        memberships.member_key = held_out.any_key
        and held_out.scope in ('global', memberships.segment)
inner join lists
    on
        memberships.segment = lists.segment
        and held_out.since_date <= lists.as_of_date
        and memberships.entered_date <= lists.as_of_date
        and (memberships.left_date is null or memberships.left_date > lists.as_of_date)
