{#- Grain: one row per opportunity and statement that changed its expected close date or its amount. -#}

with opportunities as (

    select * from {{ ref('int_opportunities__classified') }}

),

versions as (

    select * from {{ ref('stg_opportunities_history') }}
    where not is_deleted

),

stage_changes as (

    select * from {{ ref('stg_opportunity_stage_changes') }}
    where not is_deleted and close_date is not null and changed_at is not null

),

opportunity_stages as (

    select * from {{ ref('opportunity_stages') }}

),

-- What was said about a deal, and when: by its stage history, and by each state of it that a batch delivered. A closed deal
-- has a day of closing, no expected one.
stated as (

    select
        stage_changes.opportunity_key,
        stage_changes.changed_at as stated_at,
        1 as precedence,
        stage_changes.stage_change_id as statement_id,
        stage_changes.close_date as expected_close_date,
        stage_changes.amount
    from stage_changes
    left join opportunity_stages on lower(trim(stage_changes.stage_name)) = lower(trim(opportunity_stages.stage_name))
    where not coalesce(opportunity_stages.is_closed, false)
    union all
    select
        versions.opportunity_key,
        coalesce(versions.updated_at, cast(versions.valid_from as timestamp)) as stated_at,
        2 as precedence,
        versions.opportunity_version_key as statement_id,
        versions.close_date as expected_close_date,
        versions.amount
    from versions
    left join opportunity_stages on lower(trim(versions.stage_name)) = lower(trim(opportunity_stages.stage_name))
    where
        not coalesce(versions.is_closed, opportunity_stages.is_closed, false)
        and not coalesce(versions.is_won, opportunity_stages.is_won, false)

),

converted as (

    select
        stated.opportunity_key,
        opportunities.customer_key,
        cast(opportunities.created_at as date) as created_date,
        stated.stated_at,
        stated.expected_close_date,
        cast(stated.amount * opportunities.rate as decimal(18, 2)) as amount,
        row_number() over (
            partition by stated.opportunity_key
            order by stated.stated_at, stated.precedence, stated.statement_id
        ) as statement_number
    from stated
    inner join opportunities on stated.opportunity_key = opportunities.opportunity_key

),

compared as (

    select
        *,
        lag(expected_close_date) over (partition by opportunity_key order by statement_number) as previous_expected_close_date,
        lag(amount) over (partition by opportunity_key order by statement_number) as previous_amount
    from converted

),

-- Most statements repeat the one before.
revised as (

    select
        *,
        row_number() over (partition by opportunity_key order by statement_number) as revision_number,
        cast(greatest({{ days_between('previous_expected_close_date', 'expected_close_date') }}, 0) as double) as moved_days
    from compared
    where
        statement_number = 1
        or expected_close_date is distinct from previous_expected_close_date
        or amount is distinct from previous_amount

),

final as (

    select
        {{ surrogate_key(['opportunity_key', 'revision_number']) }} as opportunity_revision_key,
        opportunity_key,
        customer_key,
        revision_number,
        stated_at,
        case
            when revision_number = 1 then least(cast(stated_at as date), created_date)
            else cast(stated_at as date)
        end as valid_from,
        coalesce(
            cast(lead(stated_at) over (partition by opportunity_key order by revision_number) as date), date '9999-12-31'
        ) as valid_to,
        expected_close_date,
        amount,
        moved_days,
        moved_days > 0 as is_slippage,
        cast(
            sum(case when moved_days > 0 then 1 else 0 end) over (
                partition by opportunity_key
                order by revision_number
                rows between unbounded preceding and current row
            ) as bigint
        ) as slippage_count,
        sum(moved_days) over (
            partition by opportunity_key
            order by revision_number
            rows between unbounded preceding and current row
        ) as slipped_days
    from revised

)

select * from final
