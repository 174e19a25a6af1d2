{#- Grain: one row per opportunity and visit to a stage. -#}

with stage_changes as (

    select * from {{ ref('stg_opportunity_stage_changes') }}
    where not is_deleted

),

opportunities as (

    select * from {{ ref('int_opportunities__classified') }}

),

opportunity_stages as (

    select * from {{ ref('opportunity_stages') }}

),

described as (

    select
        stage_changes.opportunity_key,
        stage_changes.source_system,
        stage_changes.stage_change_id,
        stage_changes.stage_name,
        stage_changes.changed_at,
        coalesce(opportunities.customer_key, 'unknown') as customer_key,
        opportunity_stages.stage_order,
        coalesce(opportunity_stages.is_closed, false) as is_closing,
        coalesce(opportunity_stages.is_won, false) as is_winning,
        -- Of several changes in the last second, the one to the stage the opportunity is in comes last.
        stage_changes.stage_name = opportunities.stage_name
        and stage_changes.changed_at = max(stage_changes.changed_at) over (partition by stage_changes.opportunity_key)
            as is_latest_stage
    from stage_changes
    left join opportunities on stage_changes.opportunity_key = opportunities.opportunity_key
    left join opportunity_stages on lower(trim(stage_changes.stage_name)) = lower(trim(opportunity_stages.stage_name))

),

-- Systems go different ways: a stage that no deal of a system ever entered cannot be jumped over there.
ways as (

    select
        source_system,
        stage_order,
        row_number() over (partition by source_system order by stage_order) as stage_position
    from described
    where stage_order is not null
    group by source_system, stage_order

),

numbered as (

    select
        described.*,
        ways.stage_position,
        row_number() over (
            partition by described.opportunity_key
            order by
                described.changed_at,
                coalesce(described.is_latest_stage, false),
                described.stage_order nulls last,
                described.stage_change_id
        ) as change_number
    from described
    left join ways
        on
            described.source_system = ways.source_system
            and described.stage_order = ways.stage_order

),

compared as (

    select
        *,
        lag(stage_name) over (partition by opportunity_key order by change_number) as previous_change_stage_name
    from numbered

),

-- Sources also report changes of amount or date within a stage: no new visit.
visits as (

    select
        *,
        row_number() over (partition by opportunity_key order by change_number) as visit_number,
        lead(changed_at) over (partition by opportunity_key order by change_number) as left_at,
        lag(stage_position) over (partition by opportunity_key order by change_number) as previous_stage_position,
        lag(is_closing) over (partition by opportunity_key order by change_number) as is_previous_closing,
        row_number() over (partition by opportunity_key, stage_name order by change_number) as visit_of_stage_number,
        coalesce(
            bool_or(is_closing) over (
                partition by opportunity_key
                order by change_number
                rows between unbounded preceding and 1 preceding
            ),
            false
        ) as is_after_close
    from compared
    where previous_change_stage_name is null or previous_change_stage_name <> stage_name

),

final as (

    select
        {{ surrogate_key(['opportunity_key', 'visit_number']) }} as opportunity_stage_key,
        opportunity_key,
        customer_key,
        visit_number,
        stage_name,
        stage_order,
        changed_at as entered_at,
        left_at,
        left_at is null as is_current,
        is_closing,
        coalesce(stage_position < previous_stage_position and not is_previous_closing, false) as is_backward,
        visit_of_stage_number > 1 as is_reentry,
        -- Losing needs no stage in between; everything else goes step by step.
        coalesce(
            stage_position > previous_stage_position + 1 and not is_previous_closing and (not is_closing or is_winning),
            false
        ) as is_skipping,
        is_after_close
    from visits

)

select * from final
