{{ config(
    severity='warn',
    meta={
        'owner': 'campaign_management',
        'reason': 'An earlier night that was run again says what is known now; the nights after it keep what they said.',
    },
) }}
{#- Lists of earlier nights whose members and candidates, told again from the changes, are not the counts that were written down. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

verdicts as (

    select * from {{ ref('int_segment_verdicts__spanned') }}

),

-- Since verdicts have been kept.
deliveries as (

    select deliveries.*
    from {{ ref('fct_segment_deliveries') }} as deliveries
    inner join {{ ref('dim_segments') }} as segments on deliveries.segment_key = segments.segment_key
    where segments.first_seen_date <= deliveries.as_of_date

),

steps as (

    select
        segment,
        from_date as as_of_date,
        case when verdict = 'member' then 1 else 0 end as member_step,
        1 as candidate_step
    from verdicts
    union all
    select
        segment,
        until_date as as_of_date,
        case when verdict = 'member' then -1 else 0 end as member_step,
        -1 as candidate_step
    from verdicts
    where until_date is not null
    union all
    select
        segment,
        as_of_date,
        0 as member_step,
        0 as candidate_step
    from deliveries

),

nights as (

    select
        segment,
        as_of_date,
        sum(member_step) as member_step,
        sum(candidate_step) as candidate_step
    from steps
    group by segment, as_of_date

),

replayed as (

    select
        segment,
        as_of_date,
        sum(member_step) over up_to_now as member_count,
        sum(candidate_step) over up_to_now as candidate_count
    from nights
    window up_to_now as (partition by segment order by as_of_date rows between unbounded preceding and current row)

)

select
    deliveries.segment,
    deliveries.as_of_date,
    deliveries.member_count,
    replayed.member_count as replayed_member_count,
    deliveries.candidate_count,
    replayed.candidate_count as replayed_candidate_count
from deliveries
cross join parameters
inner join replayed on deliveries.segment = replayed.segment and deliveries.as_of_date = replayed.as_of_date
where
    deliveries.as_of_date < parameters.as_of_date
    and (deliveries.member_count <> replayed.member_count or deliveries.candidate_count <> replayed.candidate_count)
