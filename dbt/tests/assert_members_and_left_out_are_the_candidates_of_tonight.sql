{#- Lists of the night of the run whose verdicts, told again from the changes, are not the counts that were written down. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

verdicts as (

    select * from {{ ref('int_segment_verdicts__spanned') }}

),

deliveries as (

    select * from {{ ref('fct_segment_deliveries') }}

),

tonight as (

    select
        verdicts.segment,
        count(*) filter (where verdicts.verdict = 'member') as member_count,
        count(*) filter (where verdicts.verdict <> 'member') as dropped_count,
        count(*) filter (where verdicts.verdict in ('holdout', 'global_holdout')) as holdout_count
    from verdicts
    cross join parameters
    where
        verdicts.from_date <= parameters.as_of_date
        and (verdicts.until_date is null or verdicts.until_date > parameters.as_of_date)
    group by verdicts.segment

),

told as (

    select deliveries.*
    from deliveries
    inner join parameters on deliveries.as_of_date = parameters.as_of_date

)

select
    told.segment,
    told.candidate_count,
    told.member_count,
    told.dropped_count,
    told.holdout_count,
    tonight.member_count as replayed_member_count,
    tonight.dropped_count as replayed_dropped_count,
    tonight.holdout_count as replayed_holdout_count
from told
left join tonight on told.segment = tonight.segment
where
    told.candidate_count <> told.member_count + told.dropped_count
    or told.member_count <> coalesce(tonight.member_count, 0)
    or told.dropped_count <> coalesce(tonight.dropped_count, 0)
    or told.holdout_count <> coalesce(tonight.holdout_count, 0)
