{#- Grain: one row per suppressed address or number and channel of a source system. -#}

with current_suppressions as (

    {{ current_rows('suppressions', key=['identifier', 'channel']) }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'identifier', 'channel']) }} as suppression_statement_key,
        source_system,
        case when identifier like '%@%' then 'email' else 'phone' end as identifier_type,
        case
            when identifier like '%@%' then {{ normalised_email('identifier') }}
            else {{ normalised_phone('identifier') }}
        end as identifier,
        channel,
        coalesce(nullif(lower(trim(reason)), ''), 'unknown') as reason,
        recorded_at,
        missing_since_date is not null as is_deleted,
        missing_since_date as deleted_date,
        _batch_id,
        _line
    from current_suppressions

)

select * from final
