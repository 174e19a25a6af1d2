{#- Grain: one row per source system, feed and month. -#}
{%- set measures = ['completeness', 'validity', 'uniqueness', 'timeliness', 'consistency', 'reconciliation'] %}
{%- set of_feed = 'partition by source_system, feed order by month' %}

with measured as (

    select * from {{ ref('dq_measures_monthly') }}

),

-- A measure without a weight, or with nothing to look at, is shown and left out of the overall score.
pivoted as (

    select
        source_system,
        feed,
        feed_owner,
        month,
        {%- for measure in measures %}
        max(case when measure = '{{ measure }}' then score end) as {{ measure }}_score,
        {%- endfor %}
        round({{ safe_ratio('sum(weight * score)', 'sum(weight)') }}, 4) as overall_score
    from measured
    group by source_system, feed, feed_owner, month

),

compared as (

    select
        *,
        case when lag(month) over ({{ of_feed }}) = {{ date_plus('month', -1, 'month') }} then lag(overall_score) over ({{ of_feed }}) end
            as previous_overall_score
    from pivoted

),

final as (

    select
        {{ surrogate_key(['source_system', 'feed', 'month']) }} as feed_score_key,
        source_system,
        feed,
        feed_owner,
        month,
        {%- for measure in measures %}
        {{ measure }}_score,
        {%- endfor %}
        overall_score,
        previous_overall_score,
        round(overall_score - previous_overall_score, 4) as overall_change
    from compared

)

select * from final
