-- kpi_time_in_stage_monthly: reading, stage, month, days, deals.
with entries as (
    select
        "OpportunityId" as deal_id,
        "StageName" as stage,
        crm_moment("CreatedDate") as entered_at,
        "Id" as entry_id
    from salesforce_opportunityhistory
    where "IsDeleted" = 'false'
    qualify row_number() over (partition by "Id" order by file desc, line desc) = 1
),

moves as (
    from entries
    qualify lag(stage) over (partition by deal_id order by entered_at, entry_id) is distinct from stage
),

visits as (
    select
        moves.deal_id,
        moves.stage,
        moves.entered_at,
        lead(moves.entered_at) over (partition by moves.deal_id order by moves.entered_at, moves.entry_id) as next_entry_at
    from moves
),

ended as (
    select
        visits.deal_id,
        visits.stage,
        visits.entered_at,
        case
            when visits.next_entry_at is not null then visits.next_entry_at
            when counted_deals.is_closed then greatest(visits.entered_at, counted_deals.close_date::timestamp)
        end as left_at
    from visits
    inner join counted_deals on visits.deal_id = counted_deals.deal_id
    where visits.stage not like 'Closed %'
),

stays as (
    select
        deal_id,
        stage,
        max(left_at) as left_at,
        arg_max(epoch(left_at) - epoch(entered_at), entered_at) / 86400 as latest_days,
        sum(epoch(left_at) - epoch(entered_at)) / 86400 as cumulative_days
    from ended
    group by deal_id, stage
    having bool_and(left_at is not null)
)

select
    'latest' as reading,
    stage,
    month_of(left_at) as month,
    round(sum(latest_days), 2)::double as numerator,
    count(*) as denominator
from stays
group by all
union all
select
    'cumulative' as reading,
    stage,
    month_of(left_at) as month,
    round(sum(cumulative_days), 2)::double as numerator,
    count(*) as denominator
from stays
group by all
