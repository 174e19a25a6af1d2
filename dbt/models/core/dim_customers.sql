{#- Grain: one row per customer and version; the unknown member has one version. -#}

with customers as (

    select * from {{ ref('int_customers__versioned') }}

),

employees as (

    select * from {{ ref('dim_employees') }}

),

known as (

    select
        customers.customer_version_key,
        customers.customer_key,
        customers.version_number,
        customers.valid_from,
        customers.valid_to,
        customers.valid_to = date '9999-12-31' as is_current,
        customers.customer_type,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        customers.industry,
        customers.region,
        customers.country_code,
        customers.name,
        customers.salutation,
        customers.first_name,
        customers.last_name,
        customers.email,
        customers.phone,
        customers.street,
        customers.postal_code,
        customers.city,
        customers.birth_date,
        customers.language,
        customers.preferred_channel,
        coalesce(employees.employee_key, 'unknown') as owner_employee_key,
        coalesce(customers.acquisition_channel, 'unknown') as acquisition_channel,
        customers.first_seen_date,
        customers.is_deleted,
        customers.deleted_date,
        customers.is_test,
        customers.source_record_count
    from customers
    left join employees on {{ surrogate_key(['customers.owner_employee_id']) }} = employees.employee_key

),

final as (

    select * from known
    union all
    select
        'unknown' as customer_version_key,
        'unknown' as customer_key,
        1 as version_number,
        date '1900-01-01' as valid_from,
        date '9999-12-31' as valid_to,
        true as is_current,
        'unknown' as customer_type,
        'unknown' as customer_segment,
        null as industry,
        null as region,
        null as country_code,
        null as name,
        null as salutation,
        null as first_name,
        null as last_name,
        null as email,
        null as phone,
        null as street,
        null as postal_code,
        null as city,
        null as birth_date,
        null as language,
        null as preferred_channel,
        'unknown' as owner_employee_key,
        'unknown' as acquisition_channel,
        date '1900-01-01' as first_seen_date,
        false as is_deleted,
        null as deleted_date,
        false as is_test,
        0 as source_record_count

)

select * from final
