{#- Grain: one row per segment there ever was; plus the unknown member. -#}

with segments as (

    select * from {{ source('journal', 'segments') }}

),

seen as (

    select
        *,
        min(as_of_date) over (partition by segment) as first_seen_date,
        max(as_of_date) over () as last_night_date
    from segments

),

latest as (

    select * from seen
    qualify row_number() over (partition by segment order by as_of_date desc) = 1

),

final as (

    select
        {{ surrogate_key(['segment']) }} as segment_key,
        segment,
        title,
        owner as owner_team,
        purpose,
        legal_basis,
        channel,
        priority,
        holdout_share,
        cool_down_days,
        contact_cap,
        outcome_days,
        min_size,
        max_size,
        expires_date,
        destinations,
        definition_sha256,
        first_seen_date,
        as_of_date as last_seen_date,
        as_of_date = last_night_date as is_active
    from latest
    union all
    select
        'unknown' as segment_key,
        'unknown' as segment,
        'Unknown' as title,
        'unknown' as owner_team,
        'none' as purpose,
        null as legal_basis,
        'unknown' as channel,
        null as priority,
        null as holdout_share,
        null as cool_down_days,
        null as contact_cap,
        null as outcome_days,
        null as min_size,
        null as max_size,
        null as expires_date,
        null as destinations,
        null as definition_sha256,
        date '1900-01-01' as first_seen_date,
        date '1900-01-01' as last_seen_date,
        false as is_active

)

select * from final
