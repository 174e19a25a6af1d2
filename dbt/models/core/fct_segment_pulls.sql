{#- Grain: one row per time a person took a list. -#}

with pulls as (

    select * from {{ source('journal', 'pulls') }}

),

-- Two pulls may fall into one tick of the clock.
numbered as (

    select
        *,
        row_number() over (
            partition by segment, pulled_at
            order by pulled_by, as_of_date, layout, content, checksum, definition_sha256, row_count
        ) as pull_number
    from pulls

),

final as (

    select
        {{ surrogate_key(['segment', 'pulled_at', 'pull_number']) }} as segment_pull_key,
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
    from numbered

)

select * from final
