{#- Grain: one row per month and number of contacts, in which at least one customer had so many. -#}
{%- set most_contacts = 10 %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

assignments as (

    select * from {{ ref('fct_segment_assignments') }}
    where assigned_arm = 'treated' and customer_key <> 'unknown'

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted and customer_key <> 'unknown'

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

-- A campaign that addressed a list is counted by the list.
contacts as (

    select
        customer_key,
        assigned_date as contact_date
    from assignments
    union all
    select
        campaign_contacts.customer_key,
        campaign_contacts.contact_date
    from campaign_contacts
    cross join parameters
    left join campaigns on campaign_contacts.campaign_key = campaigns.campaign_key
    where campaigns.segment is null and campaign_contacts.contact_date <= parameters.as_of_date

),

-- Contacts of one day may change places: nothing but the day counts.
numbered as (

    select
        contacts.*,
        row_number() over (partition by contacts.customer_key order by contacts.contact_date) as contact_number,
        parameters.contact_cap_days,
        parameters.contact_cap_count
    from contacts
    cross join parameters

),

capped as (

    select
        customer_key,
        contact_number + contact_cap_count as next_number,
        contact_date
    from numbered

),

-- One contact too many: as many contacts before as the cap allows there was one within the window still. Null for the first ones.
compared as (

    select
        contacts.customer_key,
        cast(date_trunc('month', contacts.contact_date) as date) as month,
        {{ days_between('earlier.contact_date', 'contacts.contact_date') }} < contacts.contact_cap_days as is_above_cap
    from numbered as contacts
    left join capped as earlier
        on
            contacts.customer_key = earlier.customer_key
            and contacts.contact_number = earlier.next_number

),

by_customer as (

    select
        month,
        customer_key,
        least(count(*), {{ most_contacts }}) as contact_count,
        bool_or(is_above_cap) as is_above_cap
    from compared
    group by month, customer_key

),

counted as (

    select
        month,
        contact_count,
        count(*) as customer_count,
        sum(count(*)) over (partition by month) as all_customer_count,
        count(*) filter (where is_above_cap) as above_cap_count
    from by_customer
    group by month, contact_count

),

final as (

    select
        counted.month,
        counted.contact_count,
        counted.customer_count,
        round(counted.customer_count / counted.all_customer_count, 9) as customer_share,
        counted.above_cap_count,
        counted.month < parameters.as_of_month as is_final
    from counted
    cross join parameters

)

select * from final
