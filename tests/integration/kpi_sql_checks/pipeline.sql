-- kpi_pipeline_monthly, total: reading, month, numerator, denominator, open deals, open amount.
with ends as (
    select
        month,
        least(last_day(month), (select as_of from run)) as day
    from months
),

-- The last entry of a deal is its outcome when it closes: then the close date counts, not the moment of the entry.
entries as (
    select
        "OpportunityId" as deal_id,
        "StageName" as stage,
        crm_moment("CreatedDate") as entered_at,
        "Id" as entry_id,
        "Amount" as amount,
        "CloseDate" as close_date
    from salesforce_opportunityhistory
    where "IsDeleted" = 'false'
    qualify row_number() over (partition by "Id" order by file desc, line desc) = 1
),

moves as (
    select
        *,
        lead(entered_at) over (partition by deal_id order by entered_at, entry_id) as left_at
    from (from entries qualify lag(stage) over (partition by deal_id order by entered_at, entry_id) is distinct from stage)
),

open_deals as (
    select
        ends.month,
        ends.day,
        counted_deals.deal_id,
        counted_deals.created_date,
        arg_max(moves.stage, moves.entered_at) filter (where moves.stage not like 'Closed %') as stage,
        max(moves.entered_at) filter (where moves.stage not like 'Closed %') as entered_at
    from ends
    inner join counted_deals on ends.day >= counted_deals.created_date
    inner join moves on counted_deals.deal_id = moves.deal_id and moves.entered_at::date <= ends.day
    where not (counted_deals.is_closed and counted_deals.close_date <= ends.day)
    group by all
    having not (arg_max(moves.stage like 'Closed %' and moves.left_at is not null, moves.entered_at))
),

said as (
    select
        deal_id,
        entered_at as said_at,
        1 as later,
        entry_id as said_id,
        close_date::date as expected_date,
        nullif(amount, '')::decimal(18, 2) as amount
    from entries
    where stage not like 'Closed %'
    union all
    select
        "Id" as deal_id,
        crm_moment("SystemModstamp") as said_at,
        2 as later,
        file as said_id,
        "CloseDate"::date as expected_date,
        nullif("Amount", '')::decimal(18, 2) as amount
    from salesforce_opportunity
    where "IsClosed" = 'false' and "IsDeleted" = 'false' and try_cast("CloseDate" as date) is not null
),

moved as (
    select
        *,
        expected_date > lag(expected_date) over (partition by deal_id order by said_at, later, said_id) as is_later,
        row_number() over (partition by deal_id order by said_at, later, said_id) as place
    from said
),

known as (
    select
        open_deals.month,
        open_deals.deal_id,
        arg_max(moved.expected_date, moved.place) as expected_date,
        arg_max(coalesce(moved.amount, -1), moved.place) as amount,
        count(*) filter (where moved.is_later) as slippages
    from open_deals
    inner join moved on open_deals.deal_id = moved.deal_id and (moved.said_at::date <= open_deals.day or moved.place = 1)
    group by all
),

usual as (
    select
        ends.month,
        lasting.stage,
        round(quantile_cont(lasting.days, 0.5), 4) as days
    from ends
    inner join (
        select
            moves.deal_id,
            moves.stage,
            counted_deals.close_date,
            arg_max(epoch(moves.left_at) - epoch(moves.entered_at), moves.entered_at) / 86400 as days
        from moves
        inner join counted_deals on moves.deal_id = counted_deals.deal_id
        where counted_deals.is_won and moves.stage not like 'Closed %'
        group by all
    ) as lasting on month_of(lasting.close_date) <= ends.month
    group by all
),

judged as (
    select
        open_deals.month,
        known.expected_date is not null as has_date,
        known.expected_date < open_deals.day as is_overdue,
        known.slippages > 0 as has_slipped,
        nullif(known.amount, -1) as amount,
        open_deals.day - open_deals.created_date as age,
        usual.days is not null as has_norm,
        (epoch(open_deals.day::timestamp) - epoch(open_deals.entered_at)) / 86400 > 2 * usual.days as is_stale
    from open_deals
    left join known on open_deals.month = known.month and open_deals.deal_id = known.deal_id
    left join usual on open_deals.month = usual.month and open_deals.stage = usual.stage
),

wide as (
    select
        month,
        count(*) as open_count,
        coalesce(sum(amount), 0) as open_amount,
        count(amount) as amounts,
        count(*) filter (where is_stale) as stale,
        count(*) filter (where has_norm) as normed,
        count(*) filter (where is_overdue) as overdue,
        count(*) filter (where has_slipped) as slipped,
        count(*) filter (where has_date) as dated,
        sum(age) as age
    from judged
    group by all
)

select 'stale_share' as reading, month, stale as numerator, normed as denominator, open_count, open_amount from wide
union all
select 'overdue_share', month, overdue, dated, open_count, open_amount from wide
union all
select 'slipped_share', month, slipped, dated, open_count, open_amount from wide
union all
select 'mean_amount', month, open_amount, amounts, open_count, open_amount from wide
union all
select 'mean_age', month, age, open_count, open_count, open_amount from wide
