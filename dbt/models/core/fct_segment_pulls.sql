{#- Grain: one row per time a person took a list. -#}

with pulls as (

    select * from {{ source('journal', 'pulls') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

final as (

    select
        {{ surrogate_key(['pulls.segment', 'pulls.pulled_at', 'pulls.pulled_by', 'pulls.layout', 'pulls.content']) }} as segment_pull_key,
        coalesce(segments.segment_key, 'unknown') as segment_key,
        pulls.segment,
        pulls.pulled_at,
        pulls.pulled_by,
        pulls.as_of_date,
        pulls.layout,
        pulls.content,
        pulls.row_count,
        pulls.checksum,
        pulls.definition_sha256
    from pulls
    left join segments on pulls.segment = segments.segment

)

select * from final
