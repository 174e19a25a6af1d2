{#- Grain: one row per customer that is neither deleted nor a test. -#}
{%- set fields = ['name', 'email', 'phone', 'street', 'postal_code', 'city', 'country_code', 'customer_segment'] %}
{%- set business_fields = ['industry', 'owner_employee_key'] %}
{%- set compared_columns = [
    'account_type', 'name', 'email', 'phone', 'postal_code', 'country_code', 'birth_date', 'customer_segment', 'owner_employee_id',
] %}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

customers as (

    select * from {{ ref('dim_customers') }}
    where is_current and customer_key <> 'unknown' and not is_deleted and not is_test

),

accounts as (

    select * from {{ ref('stg_accounts') }}
    where not is_deleted

),

records as (

    select * from {{ ref('dim_customer_records') }}

),

conflicts as (

    select * from {{ ref('dq_customer_conflicts') }}

),

changed as (

    select
        records.customer_key,
        max(coalesce(cast(accounts.updated_at as date), accounts.valid_from)) as last_changed_date
    from accounts
    inner join records on accounts.account_key = records.account_key
    group by records.customer_key

),

contradicted as (

    select
        customer_key,
        count(*) as contradictory_field_count,
        {%- for column in compared_columns %}
        {{ '|| ' if not loop.first }}coalesce(max(case when column_name = '{{ column }}' then '{{ column }} ' end), '')
        {%- endfor %} as contradictory_fields
    from conflicts
    group by customer_key

),

looked_at as (

    select
        customers.customer_key,
        customers.customer_type,
        customers.owner_employee_key,
        customers.source_record_count,
        {%- for field in fields %}
        {{ '+ ' if not loop.first }}case when coalesce(customers.{{ field }}, 'unknown') = 'unknown' then 1 else 0 end
        {%- endfor %}
        {%- for field in business_fields %}
        + case when customers.customer_type = 'business' and coalesce(customers.{{ field }}, 'unknown') = 'unknown' then 1 else 0 end
        {%- endfor %} as missing_field_count,
        {%- for field in fields %}
        {{ '|| ' if not loop.first }}case when coalesce(customers.{{ field }}, 'unknown') = 'unknown' then '{{ field }} ' else '' end
        {%- endfor %}
        {%- for field in business_fields %}
        || case
            when customers.customer_type = 'business' and coalesce(customers.{{ field }}, 'unknown') = 'unknown'
                then '{{ field | replace('_key', '') }} '
            else ''
        end
        {%- endfor %} as missing_fields,
        {{ fields | length }}
        + case when customers.customer_type = 'business' then {{ business_fields | length }} else 0 end as field_count,
        coalesce(contradicted.contradictory_field_count, 0) as contradictory_field_count,
        coalesce(contradicted.contradictory_fields, '') as contradictory_fields,
        changed.last_changed_date,
        coalesce({{ days_between('changed.last_changed_date', 'parameters.as_of_date') }} > parameters.record_stale_days, true) as is_old
    from customers
    cross join parameters
    left join changed on customers.customer_key = changed.customer_key
    left join contradicted on customers.customer_key = contradicted.customer_key

),

-- Being up to date is one field more.
final as (

    select
        customer_key,
        customer_type,
        owner_employee_key,
        source_record_count,
        field_count,
        missing_field_count,
        nullif(trim(missing_fields), '') as missing_fields,
        contradictory_field_count,
        nullif(trim(contradictory_fields), '') as contradictory_fields,
        last_changed_date,
        is_old,
        {{ safe_ratio(
            'greatest(field_count + 1 - missing_field_count - contradictory_field_count - case when is_old then 1 else 0 end, 0)',
            'field_count + 1',
        ) }} as record_score
    from looked_at

)

select * from final
