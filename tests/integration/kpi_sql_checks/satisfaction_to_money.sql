-- kpi_satisfaction_to_money (6 months, 30 days of grace): reading, month, band, lost or margin, customers. By existence, without stretches.
with last_answers as (
    select
        person_id,
        month_of(answered_date) as month,
        answered_date,
        (answered_date + interval 6 months)::date as last_watched,
        case when points >= 9 then 'promoter' when points >= 7 then 'passive' else 'detractor' end as band
    from answered
    where instrument = 'nps' and person_id is not null
    qualify row_number() over (partition by person_id, month_of(answered_date) order by answered_at desc, response_id desc) = 1
),

mature as (
    from last_answers
    where last_watched + 30 < (select as_of from run)
),

purchase_losses as (
    select
        person_id,
        order_date + 180 as lost_date
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

contract_losses as (
    select distinct
        person_id,
        last_day as lost_date
    from kept_agreements as ended_contract
    where
        last_day + 30 < (select as_of from run)
        and not exists (
            from kept_agreements as other
            where
                other.person_id = ended_contract.person_id
                and other.last_day > ended_contract.last_day
                and other.started <= ended_contract.last_day + 30
        )
),

followed as (
    select
        mature.*,
        exists (
            from purchases
            where
                purchases.person_id = mature.person_id
                and purchases.order_date <= mature.answered_date
                and purchases.order_date + 180 > mature.answered_date
        ) as buys,
        exists (
            from purchase_losses
            where
                purchase_losses.person_id = mature.person_id
                and purchase_losses.lost_date > mature.answered_date
                and purchase_losses.lost_date <= mature.last_watched
        ) as stops_buying,
        exists (
            from kept_agreements
            where
                kept_agreements.person_id = mature.person_id
                and kept_agreements.started <= mature.answered_date
                and not exists (
                    from contract_losses
                    where
                        contract_losses.person_id = mature.person_id
                        and contract_losses.lost_date >= kept_agreements.started
                        and contract_losses.lost_date <= mature.answered_date
                )
        ) as has_contract,
        exists (
            from contract_losses
            where
                contract_losses.person_id = mature.person_id
                and contract_losses.lost_date > mature.answered_date
                and contract_losses.lost_date <= mature.last_watched
        ) as ends_contract,
        coalesce((
            select sum(sales.net_amount - sales.cost) from sales
            where
                sales.person_id = mature.person_id
                and sales.order_date > mature.answered_date
                and sales.order_date <= mature.last_watched
        ), 0)
        - coalesce((
            select sum(credits.lost_margin) from credits
            where
                credits.person_id = mature.person_id
                and credits.refund_date > mature.answered_date
                and credits.refund_date <= mature.last_watched
        ), 0)
        + coalesce((
            select sum(agreement_months.margin) from agreement_months
            where
                agreement_months.person_id = mature.person_id
                and agreement_months.month > mature.answered_date
                and agreement_months.month <= mature.last_watched
        ), 0) as margin
    from mature
)

select
    'churn' as reading,
    month,
    band,
    count(*) filter (where (not buys or stops_buying) and (not has_contract or ends_contract)) as numerator,
    count(*) as denominator
from followed
where buys or has_contract
group by all
union all
select
    'margin' as reading,
    month,
    band,
    sum(margin) as numerator,
    count(*) as denominator
from followed
group by all
