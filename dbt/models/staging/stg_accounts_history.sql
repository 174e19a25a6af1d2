{#- Grain: one row per account of a source system and batch date on which it changed, was deleted or came back. -#}

{%- set content = [
    'shared_id', 'account_type', 'name', 'salutation', 'first_name', 'last_name', 'email', 'phone', 'birth_date', 'street', 'postal_code',
    'city', 'region', 'country_code', 'industry', 'employee_count', 'customer_segment', 'owner_employee_id', 'acquisition_channel',
    'preferred_channel', 'language', 'is_test', 'is_deleted', 'created_at',
] %}

with states as (

    {{ row_history('accounts', key=['account_id'], content=content, updated_at='updated_at') }}

),

final as (

    select
        {{ surrogate_key(['source_system', 'account_id', 'valid_from']) }} as account_version_key,
        {{ surrogate_key(['source_system', 'account_id']) }} as account_key,
        source_system,
        account_id,
        valid_from,
        coalesce(next_valid_from, date '9999-12-31') as valid_to,
        next_valid_from is null as is_current,
        first_batch_date,
        least(first_batch_date, coalesce(cast(created_at as date), first_batch_date)) as first_seen_date,
        nullif(trim(shared_id), '') as shared_id,
        account_type,
        nullif(trim(name), '') as name,
        salutation,
        nullif(trim(first_name), '') as first_name,
        nullif(trim(last_name), '') as last_name,
        {{ normalised_email('email') }} as email,
        {{ normalised_phone('phone', 'country_code') }} as phone,
        birth_date,
        street,
        nullif(upper(replace(postal_code, ' ', '')), '') as postal_code,
        city,
        case when account_type = 'business' then {{ normalised_company('name') }} end as company_match_name,
        region,
        upper(trim(country_code)) as country_code,
        industry,
        employee_count,
        lower(trim(customer_segment)) as customer_segment,
        owner_employee_id,
        lower(trim(acquisition_channel)) as acquisition_channel,
        lower(trim(preferred_channel)) as preferred_channel,
        lower(trim(language)) as language,
        coalesce(is_test, false) as is_test,
        coalesce(is_deleted, false) or is_missing as is_deleted,
        case when coalesce(is_deleted, false) or is_missing then valid_from end as deleted_date,
        updated_at,
        _batch_id,
        _line
    from states

)

select * from final
