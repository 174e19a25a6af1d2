{#- Grain: one row per customer who got several mails lately and reacted to none of them. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- Where opens are not recorded, silence says nothing.
mails as (

    select * from {{ ref('kpi_campaign_addressees') }}
    where customer_key <> 'unknown' and channel = 'email' and has_open_tracking and not is_bounced

),

-- Opens of mail scanners are no reading; an unsubscription is a reaction, too.
reactions as (

    select * from {{ ref('fct_campaign_responses') }}
    where not is_bot and not is_deleted and response_type <> 'bounce'

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and not is_deleted

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}

),

last_reactions as (

    select
        reactions.customer_key,
        max(reactions.response_date) as reaction_date
    from reactions
    cross join parameters
    where reactions.response_date <= parameters.as_of_date
    group by reactions.customer_key

),

recent_mails as (

    select
        mails.customer_key,
        count(*) as mail_count,
        min(mails.contact_date) as first_mail_date,
        max(mails.contact_date) as last_mail_date
    from mails
    cross join parameters
    where {{ days_between('mails.contact_date', 'parameters.as_of_date') }} < parameters.newsletter_lapse_days
    group by mails.customer_key

),

final as (

    select
        customers.customer_key,
        cast(
            row_number() over (
                order by
                    coalesce(customer_values.historic_clv_amount, 0) desc, recent_mails.mail_count desc, customers.customer_key asc
            ) as bigint
        ) as rank_number,
        cast(recent_mails.mail_count as string) || case when recent_mails.mail_count = 1 then ' mail' else ' mails' end || ' since '
        || cast(recent_mails.first_mail_date as string) || ' without a reaction, '
        || coalesce('the last one on ' || cast(last_reactions.reaction_date as string), 'never one before') as reason,
        cast(recent_mails.mail_count as bigint) as mail_count,
        recent_mails.last_mail_date,
        last_reactions.reaction_date as last_reaction_date
    from recent_mails
    cross join parameters
    inner join customers on recent_mails.customer_key = customers.customer_key
    left join last_reactions on recent_mails.customer_key = last_reactions.customer_key
    left join customer_values on recent_mails.customer_key = customer_values.customer_key
    where
        recent_mails.mail_count >= parameters.newsletter_lapse_min_count
        and (
            last_reactions.reaction_date is null
            or {{ days_between('last_reactions.reaction_date', 'parameters.as_of_date') }} >= parameters.newsletter_lapse_days
        )

)

select * from final
