{#- Grain: one row per snapshot and customer not lost on that day; only what had happened by then. -#}

with cases as (

    select
        snapshot_number,
        snapshot_date,
        customer_key,
        customer_type
    from {{ ref('pred_churn_cases') }}

),

event_counts as (

    select * from {{ ref('pred_churn_event_counts') }}

),

contracts as (

    select * from {{ ref('fct_contracts') }}
    where is_countable and (ended_date is null or ended_date >= started_date)

),

members as (

    select * from {{ ref('kpi_loyalty_members') }}

),

-- That a contract ends is known from its notice on, else from its last paid day on, whatever its record says today.
contracted as (

    select
        cases.snapshot_number,
        cases.customer_key,
        min(contracts.started_date) as first_contract_date,
        count(*) filter (
            where contracts.ended_date is null or contracts.ended_date >= cases.snapshot_date
        ) as active_contract_count,
        count(*) filter (
            where
            contracts.ended_date is null
            or coalesce(contracts.cancelled_date, contracts.ended_date) > cases.snapshot_date
        ) as open_contract_count,
        max(contracts.ended_date) filter (
            where coalesce(contracts.cancelled_date, contracts.ended_date) <= cases.snapshot_date
        ) as ended_date
    from cases
    inner join contracts
        on
            cases.customer_key = contracts.customer_key
            and cases.snapshot_date >= contracts.started_date
    where cases.customer_type = 'contract'
    group by cases.snapshot_number, cases.customer_key

),

memberships as (

    select
        cases.snapshot_number,
        cases.customer_key
    from cases
    inner join members
        on
            cases.customer_key = members.customer_key
            and cases.snapshot_date >= members.joined_date
            and (members.left_date is null or cases.snapshot_date < members.left_date)
    group by cases.snapshot_number, cases.customer_key

),

final as (

    select
        {{ surrogate_key(['cases.snapshot_number', 'cases.customer_key']) }} as churn_case_key,
        cases.snapshot_number,
        cases.snapshot_date,
        cases.customer_key,
        cases.customer_type,
        cast({{ days_between(
            'least(event_counts.first_order_date, contracted.first_contract_date)',
            'cases.snapshot_date'
        ) }} as bigint) as tenure_days,
        event_counts.days_since_last_order,
        coalesce(event_counts.purchase_day_count, 0) as purchase_day_count,
        {{ safe_ratio('event_counts.days_buying - event_counts.days_since_last_order', 'event_counts.purchase_day_count - 1') }}
            as usual_gap_days,
        {{ safe_ratio(
            'event_counts.days_since_last_order * (event_counts.purchase_day_count - 1)',
            'event_counts.days_buying - event_counts.days_since_last_order'
        ) }} as overdue_ratio,
        coalesce(event_counts.order_count_90d, 0) as order_count_90d,
        coalesce(event_counts.order_count_360d, 0) as order_count_360d,
        cast(coalesce(event_counts.revenue_90d_amount, 0) as decimal(18, 2)) as revenue_90d_amount,
        cast(coalesce(event_counts.revenue_prior_90d_amount, 0) as decimal(18, 2)) as revenue_prior_90d_amount,
        cast(coalesce(event_counts.revenue_180d_amount, 0) as decimal(18, 2)) as revenue_180d_amount,
        cast(coalesce(event_counts.revenue_prior_180d_amount, 0) as decimal(18, 2)) as revenue_prior_180d_amount,
        coalesce(event_counts.return_count_180d, 0) as return_count_180d,
        coalesce(event_counts.ticket_count_90d, 0) as ticket_count_90d,
        coalesce(event_counts.complaint_count_90d, 0) as complaint_count_90d,
        event_counts.last_satisfaction_score,
        coalesce(event_counts.mailing_count_180d, 0) as mailing_count_180d,
        coalesce(event_counts.reaction_count_180d, 0) as reaction_count_180d,
        coalesce(event_counts.has_unsubscribed, false) as has_unsubscribed,
        coalesce(event_counts.visit_count_90d, 0) as visit_count_90d,
        coalesce(contracted.active_contract_count, 0) as active_contract_count,
        case when contracted.open_contract_count = 0 then contracted.ended_date end as contract_end_date,
        cast(case
            when contracted.open_contract_count = 0 then {{ days_between('cases.snapshot_date', 'contracted.ended_date') }}
        end as bigint) as days_to_contract_end,
        memberships.customer_key is not null as is_loyalty_member
    from cases
    left join event_counts on cases.snapshot_number = event_counts.snapshot_number and cases.customer_key = event_counts.customer_key
    left join contracted on cases.snapshot_number = contracted.snapshot_number and cases.customer_key = contracted.customer_key
    left join memberships on cases.snapshot_number = memberships.snapshot_number and cases.customer_key = memberships.customer_key

)

select * from final
