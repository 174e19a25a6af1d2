{#- Grain: one row per contact person of a source system; plus the unknown member. -#}

with contacts as (

    select * from {{ ref('stg_contacts') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

final as (

    select
        contacts.contact_key,
        contacts.contact_id,
        contacts.source_system,
        resolved.customer_key,
        contacts.salutation,
        contacts.first_name,
        contacts.last_name,
        contacts.email,
        contacts.phone,
        contacts.job_title,
        contacts.department,
        contacts.buying_role,
        contacts.is_deleted,
        contacts.deleted_date
    from contacts
    inner join resolved on contacts.identity_key = resolved.identity_key
    union all
    select
        'unknown' as contact_key,
        'unknown' as contact_id,
        'unknown' as source_system,
        'unknown' as customer_key,
        null as salutation,
        null as first_name,
        null as last_name,
        null as email,
        null as phone,
        null as job_title,
        null as department,
        null as buying_role,
        false as is_deleted,
        null as deleted_date

)

select * from final
