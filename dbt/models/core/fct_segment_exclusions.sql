{#- Grain: one row per segment, candidate and uninterrupted time with one reason to be left out. -#}

with verdicts as (

    select * from {{ ref('int_segment_verdicts__spanned') }}
    where verdict <> 'member'

),

final as (

    select
        segment_verdict_key as segment_exclusion_key,
        {{ surrogate_key(['segment']) }} as segment_key,
        segment,
        member_key,
        customer_key,
        verdict,
        reason as candidate_reason,
        from_date,
        until_date,
        until_date is null as is_current,
        next_verdict,
        run_id,
        definition_sha256
    from verdicts

)

select * from final
