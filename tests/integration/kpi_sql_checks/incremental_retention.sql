-- kpi_incremental_retention (180 days): campaign, treated, kept of them, held out, kept of these, cost. By existence, without stretches.
with recipients as (
    from mailchimp_recipients
    where "Sent At" <> ''
    qualify row_number() over (partition by "Recipient ID" order by file desc, line desc) = 1
),

-- Whoever was held out first stays held out.
assigned as (
    select
        recipients."Campaign ID" as campaign_id,
        identities.person_id,
        min(recipients."Sent At"::date) as assigned_on,
        arg_min(recipients."Group" = 'control', (recipients."Sent At"::date, recipients."Group")) as is_held_out
    from recipients
    inner join identities on identities.source_system = 'mailchimp' and recipients."LEID" = identities.account_id
    where identities.person_id is not null
    group by all
),

losses as (
    select
        person_id,
        order_date + 180 as lost_on
    from purchases
    where
        order_date + 180 <= (select as_of from run)
        and not exists (
            from purchases as later
            where
                later.person_id = purchases.person_id
                and later.order_date > purchases.order_date
                and later.order_date <= purchases.order_date + 180
        )
),

judged as (
    select
        assigned.*,
        exists (
            from purchases
            where purchases.person_id = assigned.person_id and order_date <= assigned_on and order_date + 180 > assigned_on
        ) as buys,
        exists (
            from losses
            where losses.person_id = assigned.person_id and lost_on > assigned_on and lost_on <= assigned_on + 180
        ) as stops_buying,
        exists (
            from contract_ends as contracts
            where
                contracts.person_id = assigned.person_id and contracts.started <= assigned_on
                and not exists (
                    from contract_ends as ends
                    where ends.person_id = assigned.person_id and ends.lost_date >= contracts.started and ends.lost_date <= assigned_on
                )
        ) as subscribes,
        exists (
            from contract_ends as ends
            where ends.person_id = assigned.person_id and ends.lost_date > assigned_on and ends.lost_date <= assigned_on + 180
        ) as unsubscribes
    from assigned
),

kept as (
    select
        campaign_id,
        is_held_out,
        (buys and not stops_buying) or (subscribes and not unsubscribes) as is_kept
    from judged
    where buys or subscribes
)

select
    campaign_id,
    count(*) filter (where not is_held_out) as treated,
    count(*) filter (where not is_held_out and is_kept) as treated_kept,
    count(*) filter (where is_held_out) as held_out,
    count(*) filter (where is_held_out and is_kept) as held_out_kept,
    coalesce(
        (select sum(amount) from ledger where ledger.campaign_id = kept.campaign_id and ledger.cost_purpose = 'retention'),
        0
    ) as cost
from kept
group by campaign_id
having bool_or(is_held_out) and not bool_and(is_held_out)
