{#- Grain: one row per night and member that a value model could be held against what came. -#}

with scorecards as (

    select * from {{ source('journal', 'scorecards') }}
    where family = 'customer_value'

),

pivoted as (

    select
        as_of_date,
        member,
        model,
        learned_through_date,
        watched_until_date,
        case_count as customer_count,
        max(case when measure = 'bias' then value end) as bias_amount,
        max(case when measure = 'bias' then baseline_value end) as baseline_bias_amount,
        max(case when measure = 'mae' then value end) as mean_absolute_error_amount,
        max(case when measure = 'mae' then baseline_value end) as baseline_mean_absolute_error_amount,
        max(case when measure = 'rmse' then value end) as root_mean_square_error_amount,
        max(case when measure = 'rmse' then baseline_value end) as baseline_root_mean_square_error_amount,
        max(case when measure = 'top_decile_capture' then value end) as top_decile_capture_rate,
        max(case when measure = 'top_decile_capture' then baseline_value end) as baseline_top_decile_capture_rate,
        max(case when measure = 'calibration_error' then value end) as calibration_error_amount,
        max(case when measure = 'calibration_error' then baseline_value end) as baseline_calibration_error_amount,
        max(case when measure = 'coverage' then value end) as interval_coverage_rate,
        max(case when measure = 'purchases_ratio' then value end) as expected_to_actual_purchases_rate,
        max(case when measure = 'published' then value end) as published
    from scorecards
    group by as_of_date, member, model, learned_through_date, watched_until_date, case_count

),

final as (

    select
        {{ surrogate_key(['as_of_date', 'member']) }} as clv_scorecard_key,
        as_of_date,
        member,
        model,
        learned_through_date,
        watched_until_date,
        customer_count,
        cast({{ rounded('bias_amount', 2) }} as decimal(18, 2)) as bias_amount,
        cast({{ rounded('baseline_bias_amount', 2) }} as decimal(18, 2)) as baseline_bias_amount,
        cast({{ rounded('mean_absolute_error_amount', 2) }} as decimal(18, 2)) as mean_absolute_error_amount,
        cast({{ rounded('baseline_mean_absolute_error_amount', 2) }} as decimal(18, 2)) as baseline_mean_absolute_error_amount,
        cast({{ rounded('root_mean_square_error_amount', 2) }} as decimal(18, 2)) as root_mean_square_error_amount,
        cast({{ rounded('baseline_root_mean_square_error_amount', 2) }} as decimal(18, 2)) as baseline_root_mean_square_error_amount,
        top_decile_capture_rate,
        baseline_top_decile_capture_rate,
        cast({{ rounded('calibration_error_amount', 2) }} as decimal(18, 2)) as calibration_error_amount,
        cast({{ rounded('baseline_calibration_error_amount', 2) }} as decimal(18, 2)) as baseline_calibration_error_amount,
        interval_coverage_rate,
        expected_to_actual_purchases_rate,
        1 - {{ safe_ratio('mean_absolute_error_amount', 'baseline_mean_absolute_error_amount') }} as gain_rate,
        case
            when published = 1 then model
            when published = 0 then 'baseline'
        end as published_method
    from pivoted

)

select * from final
