{#- Grain: one row per time a person took a list. -#}

with pulls as (

    select * from {{ source('journal', 'pulls') }}

),

final as (

    select
        {{ surrogate_key(['segment', 'pulled_at', 'pulled_by', 'layout', 'content']) }} as segment_pull_key,
        {{ surrogate_key(['segment']) }} as segment_key,
        segment,
        pulled_at,
        pulled_by,
        as_of_date,
        layout,
        content,
        row_count,
        checksum,
        definition_sha256
    from pulls

)

select * from final
