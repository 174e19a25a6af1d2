{#- Grain: one row per scope, dimension and member. -#}
{%- set dimensions = ['customer_type', 'customer_segment', 'region', 'country_code', 'abc_class', 'acquisition_channel'] %}
{%- set min_expected_count = 5 %}
{%- set max_chi2 = 10.827566 %}

with draws as (

    select * from {{ ref('kpi_holdout_draws') }}

),

counted as (

    select
        scope,
        holdout_share,
        case
            {%- for dimension in dimensions %}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {%- endfor %}
            else 'total'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'total') as member,
        count(*) as customer_count,
        count(*) filter (where is_holdout) as holdout_count
    from draws
    group by grouping sets (
        (scope, holdout_share)
        {%- for dimension in dimensions %},
        (scope, holdout_share, {{ dimension }})
        {%- endfor %}
    )

),

-- Shares change from night to night: what is expected adds up over all draws, and so does its variance. No share is above one half.
summed as (

    select
        scope,
        dimension,
        member,
        cast(sum(customer_count - holdout_count) as bigint) as treated_count,
        cast(sum(holdout_count) as bigint) as holdout_count,
        cast(sum(cast(customer_count as decimal(18, 0)) * holdout_share) as double) as expected_count,
        cast(sum(cast(customer_count as decimal(18, 0)) * holdout_share * (1 - holdout_share)) as double) as expected_variance
    from counted
    group by scope, dimension, member

),

-- The greatest of a scope is its total.
shared as (

    select
        *,
        {{ safe_ratio('treated_count', 'max(treated_count) over (partition by scope)') }} as treated_share,
        {{ safe_ratio('holdout_count', 'max(holdout_count) over (partition by scope)') }} as held_out_share,
        case
            when expected_count >= {{ min_expected_count }}
                then round(power(holdout_count - expected_count, 2) / expected_variance, 9)
        end as chi2
    from summed

),

final as (

    select
        {{ surrogate_key(['scope', 'dimension', 'member']) }} as holdout_balance_key,
        scope,
        dimension,
        member,
        treated_count,
        holdout_count,
        round(expected_count / (treated_count + holdout_count), 9) as expected_share,
        round(holdout_count / (treated_count + holdout_count), 9) as observed_share,
        chi2,
        round(
            (treated_share - held_out_share)
            / nullif(sqrt((treated_share * (1 - treated_share) + held_out_share * (1 - held_out_share)) / 2), 0),
            9
        ) as standardised_difference,
        chi2 <= {{ max_chi2 }} as is_balanced
    from shared

)

select * from final
