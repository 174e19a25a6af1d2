{#- Grain: one row per e-mail address that a lead gave. -#}

with leads as (

    select * from {{ ref('stg_leads') }}
    where not is_deleted and email is not null

),

final as (

    select
        email,
        lead_key,
        created_at
    from leads
    qualify
        row_number() over (
            partition by email
            order by created_at asc nulls last, lead_key asc
        ) = 1

)

select * from final
