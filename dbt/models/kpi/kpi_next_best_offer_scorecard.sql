{#- Grain: one row per number of offers looked at (1, 3, 5) and member: total, or a type of customers. -#}

with hits as (

    select * from {{ ref('pred_offer_hits') }}

),

verdict as (

    select
        coalesce(max(method), 'popular') as method,
        coalesce(max(reason), 'never tried') as reason
    from {{ source('fitted', 'next_best_offer_verdict') }}

),

rates as (

    select
        *,
        {{ safe_ratio('hit_count', 'case_count') }} as hit_rate,
        {{ safe_ratio('popular_hit_count', 'case_count') }} as popular_hit_rate
    from hits

),

-- Wilson, 95 %; nothing when there is no case.
intervals as (

    select
        *,
        hit_rate + 1.920729411 / case_count as centre,
        1.959963985 * sqrt((hit_rate * (1 - hit_rate) + 0.960364706 / case_count) / case_count) as half_width,
        1 + 3.841458822 / case_count as scale
    from rates
    where case_count > 0

),

final as (

    select
        {{ surrogate_key(['rates.member', 'rates.offer_count']) }} as next_best_offer_score_key,
        rates.member,
        rates.offer_count,
        rates.through_date as learned_through_date,
        rates.until_date as watched_until_date,
        rates.customer_count,
        rates.case_count,
        rates.hit_count,
        rates.popular_hit_count,
        rates.hit_rate,
        round((intervals.centre - intervals.half_width) / intervals.scale, 9) as hit_rate_lower,
        round((intervals.centre + intervals.half_width) / intervals.scale, 9) as hit_rate_upper,
        rates.popular_hit_rate,
        {{ safe_ratio('rates.hit_count', 'rates.popular_hit_count') }} as lift,
        case when rates.case_count > 0 then rates.hit_count > rates.popular_hit_count end as is_better,
        verdict.method as published_method,
        verdict.reason as published_reason
    from rates
    cross join verdict
    left join intervals
        on
            rates.member = intervals.member
            and rates.offer_count = intervals.offer_count

)

select * from final
