{#- Grain: one row per purpose (today, holdout) and opportunity open at the end of its last day. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}
    where purpose <> 'fit'

),

stays as (

    select * from {{ ref('pred_stage_stays') }}
    where destination is null

),

win_shares as (

    select * from {{ ref('pred_stage_win_shares') }}

),

opportunities as (

    select * from {{ ref('kpi_opportunities') }}

),

revisions as (

    select * from {{ ref('fct_opportunity_revisions') }}

),

-- Each deal with the one revision that held on the day, and with what has become of it since.
final as (

    select
        stays.purpose,
        stays.opportunity_key,
        opportunities.customer_key,
        opportunities.customer_segment,
        opportunities.team,
        stays.stage_name,
        stays.days_in_stage,
        revisions.amount,
        revisions.expected_close_date,
        coalesce(revisions.slippage_count, 0) as slippage_count,
        coalesce(stage_shares.won_share, overall_shares.won_share) as baseline_probability,
        opportunities.is_closed and opportunities.close_date <= cutoffs.until_date as is_closed_later,
        opportunities.is_won and opportunities.close_date <= cutoffs.until_date as is_won_later,
        case when opportunities.is_won and opportunities.close_date <= cutoffs.until_date then opportunities.close_date end as won_date,
        case when opportunities.is_won and opportunities.close_date <= cutoffs.until_date then opportunities.amount end as won_amount
    from stays
    inner join cutoffs on stays.purpose = cutoffs.purpose
    inner join opportunities on stays.opportunity_key = opportunities.opportunity_key
    left join revisions
        on
            stays.opportunity_key = revisions.opportunity_key
            and cutoffs.through_date >= revisions.valid_from
            and cutoffs.through_date < revisions.valid_to
    left join win_shares as stage_shares
        on
            stays.stage_name = stage_shares.stage_name
            and case when stays.purpose = 'today' then 'fit' else stays.purpose end = stage_shares.purpose
    left join win_shares as overall_shares
        on
            overall_shares.stage_name = 'total'
            and case when stays.purpose = 'today' then 'fit' else stays.purpose end = overall_shares.purpose

)

select * from final
