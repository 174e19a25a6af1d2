{#- Grain: one row per snapshot and customer not lost on that day; what became of the customer is known for past snapshots only. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

snapshots as (

    select * from {{ ref('pred_churn_snapshots') }}

),

purchase_stretches as (

    select * from {{ ref('kpi_purchase_stretches') }}

),

contract_stretches as (

    select * from {{ ref('kpi_contract_stretches') }}

),

-- A stretch is one of few per customer, and a customer is in one of them on a day: the join multiplies by snapshots only.
buyers as (

    select
        snapshots.snapshot_number,
        purchase_stretches.customer_key,
        purchase_stretches.started_date,
        coalesce(purchase_stretches.lost_date <= snapshots.outcome_date, false) as is_lost
    from snapshots
    inner join purchase_stretches
        on
            snapshots.snapshot_date >= purchase_stretches.started_date
            and (purchase_stretches.lost_date is null or snapshots.snapshot_date < purchase_stretches.lost_date)

),

-- Lost is who could be called so on the day of the outcome: grace has passed by then.
subscribers as (

    select
        snapshots.snapshot_number,
        contract_stretches.customer_key,
        contract_stretches.started_date,
        coalesce({{ days_between('contract_stretches.ended_date', 'snapshots.outcome_date') }} > parameters.grace_days, false) as is_lost
    from snapshots
    cross join parameters
    inner join contract_stretches
        on
            snapshots.snapshot_date >= contract_stretches.started_date
            and (
                contract_stretches.ended_date is null
                or {{ days_between('contract_stretches.ended_date', 'snapshots.snapshot_date') }} <= parameters.grace_days
            )

),

-- Who has a contract is lost with it, whatever is bought beside it.
united as (

    select
        coalesce(subscribers.snapshot_number, buyers.snapshot_number) as snapshot_number,
        coalesce(subscribers.customer_key, buyers.customer_key) as customer_key,
        case when subscribers.customer_key is null then 'buyer' else 'contract' end as customer_type,
        buyers.started_date as buying_since_date,
        subscribers.started_date as contract_since_date,
        coalesce(subscribers.is_lost, buyers.is_lost) as is_lost
    from subscribers
    full outer join buyers
        on
            subscribers.snapshot_number = buyers.snapshot_number
            and subscribers.customer_key = buyers.customer_key

),

final as (

    select
        {{ surrogate_key(['united.snapshot_number', 'united.customer_key']) }} as churn_case_key,
        united.snapshot_number,
        snapshots.snapshot_date,
        united.customer_key,
        united.customer_type,
        united.buying_since_date,
        united.contract_since_date,
        case when snapshots.outcome_date is not null then united.is_lost end as is_lost
    from united
    inner join snapshots on united.snapshot_number = snapshots.snapshot_number

)

select * from final
