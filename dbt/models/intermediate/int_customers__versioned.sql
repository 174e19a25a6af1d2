{#- Grain: one row per customer and day on which what is known of it changed. -#}

{%- set attributes = [
    'customer_segment', 'industry', 'region', 'country_code', 'name', 'salutation', 'first_name', 'last_name', 'email', 'phone',
    'street', 'postal_code', 'city', 'birth_date', 'language', 'preferred_channel', 'owner_employee_id', 'acquisition_channel',
] %}

with identified as (

    select * from {{ ref('int_customers__identified') }}

),

accounts_history as (

    select * from {{ ref('stg_accounts_history') }}

),

record_versions as (

    select
        identified.customer_key,
        accounts_history.*
    from accounts_history
    inner join identified on accounts_history.account_key = identified.account_key

),

change_dates as (

    select
        customer_key,
        valid_from as change_date
    from record_versions
    group by all

),

-- Every record of the customer as it stood on the day: a row per day and record, wanted. The newest statement wins, but what
-- a living record says beats a deleted one, and a real record beats a test record.
standing as (

    select
        change_dates.change_date,
        record_versions.*,
        row_number() over (
            partition by change_dates.customer_key, change_dates.change_date
            order by
                record_versions.is_deleted desc,
                record_versions.is_test desc,
                record_versions.valid_from asc,
                record_versions.updated_at asc nulls first,
                record_versions.source_system desc,
                record_versions.account_id desc
        ) as precedence
    from change_dates
    inner join record_versions
        on
            change_dates.customer_key = record_versions.customer_key
            and change_dates.change_date >= record_versions.valid_from
            and change_dates.change_date < record_versions.valid_to

),

merged as (

    select
        customer_key,
        change_date as valid_from,
        min(account_type) as customer_type,
        {% for attribute in attributes -%}
        max_by({{ attribute }}, precedence) filter (where {{ attribute }} is not null) as {{ attribute }},
        {% endfor -%}
        bool_and(is_deleted) as is_deleted,
        case when bool_and(is_deleted) then max(deleted_date) end as deleted_date,
        bool_and(is_test) as is_test,
        count(*) as source_record_count
    from standing
    group by all

),

compared as (

    select
        *,
        {{ surrogate_key(attributes + ['customer_type', 'is_deleted', 'deleted_date', 'is_test', 'source_record_count']) }} as content_hash
    from merged

),

changed as (

    select *
    from compared
    qualify
        content_hash is distinct from lag(content_hash) over (partition by customer_key order by valid_from)

),

first_seen as (

    select
        customer_key,
        min(first_seen_date) as first_seen_date
    from record_versions
    group by customer_key

),

final as (

    select
        {{ surrogate_key(['changed.customer_key', 'changed.valid_from']) }} as customer_version_key,
        changed.*,
        first_seen.first_seen_date,
        row_number() over (partition by changed.customer_key order by changed.valid_from) as version_number,
        lead(changed.valid_from, 1, date '9999-12-31') over (
            partition by changed.customer_key
            order by changed.valid_from
        ) as valid_to
    from changed
    inner join first_seen on changed.customer_key = first_seen.customer_key

)

select * from final
