{#- Grain: one row per decile of the values predicted before the holdout. -#}

with holdout as (

    select * from {{ source('fitted', 'customer_value_holdout') }}
    where predicted_amount is not null

),

-- Customers of equal predictions share a decile, so that one may be larger than a tenth, or missing.
ranked as (

    select
        *,
        cast(
            ceil(
                count(*) over (order by predicted_amount range between unbounded preceding and current row) * 10.0 / count(*) over ()
            ) as bigint
        ) as decile
    from holdout

),

final as (

    select
        decile,
        learned_through_date,
        watched_until_date,
        count(*) as customer_count,
        cast(sum(predicted_amount) as decimal(18, 2)) as predicted_amount,
        cast(sum(baseline_amount) as decimal(18, 2)) as baseline_amount,
        cast(sum(actual_amount) as decimal(18, 2)) as actual_amount,
        cast({{ rounded('cast(sum(predicted_amount) as double) / count(*)', 2) }} as decimal(18, 2)) as mean_predicted_amount,
        cast({{ rounded('cast(sum(baseline_amount) as double) / count(*)', 2) }} as decimal(18, 2)) as mean_baseline_amount,
        cast({{ rounded('cast(sum(actual_amount) as double) / count(*)', 2) }} as decimal(18, 2)) as mean_actual_amount,
        count(*) filter (where actual_amount between lower_amount and upper_amount) as within_interval_count
    from ranked
    group by decile, learned_through_date, watched_until_date

)

select * from final
