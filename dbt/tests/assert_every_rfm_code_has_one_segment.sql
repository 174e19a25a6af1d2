{#- Codes of three scores 1-5 that seed rfm_segments lacks or names twice, and rows of the seed that are no such code. -#}

with segments as (

    select * from {{ ref('rfm_segments') }}

),

scores as (

    {% for score in range(1, 6) -%}
    select '{{ score }}' as score{{ ' union all' if not loop.last }}
    {% endfor %}

),

codes as (

    select recency.score || frequency.score || monetary.score as rfm_code
    from scores as recency
    cross join scores as frequency
    cross join scores as monetary

)

select
    coalesce(codes.rfm_code, segments.rfm_code) as rfm_code,
    count(codes.rfm_code) as code_count,
    count(segments.rfm_segment) as segment_count
from codes
full outer join segments on codes.rfm_code = segments.rfm_code
group by coalesce(codes.rfm_code, segments.rfm_code)
having count(codes.rfm_code) <> 1 or count(segments.rfm_segment) <> 1
