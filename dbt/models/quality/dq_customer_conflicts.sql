{#- Grain: one row per customer and column in which the records behind the customer contradict each other. -#}
{%- set columns = [
    'account_type', 'name', 'email', 'phone', 'postal_code', 'country_code', 'birth_date', 'customer_segment', 'owner_employee_id',
] %}

with accounts as (

    select * from {{ ref('stg_accounts') }}
    where not is_deleted

),

records as (

    select * from {{ ref('dim_customer_records') }}

),

-- One record alone contradicts nobody.
several as (

    select customer_key
    from records
    group by customer_key
    having count(*) > 1

),

compared as (

    select
        records.customer_key,
        records.source_system as record_source_system,
        accounts.*
    from accounts
    inner join records on accounts.account_key = records.account_key
    inner join several on records.customer_key = several.customer_key

),

-- Only whether the values differ leaves this model, never a value.
stated as (

    {% for column in columns -%}
    select
        customer_key,
        record_source_system,
        '{{ column }}' as column_name,
        cast({{ column }} as string) as stated_value
    from compared
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        {{ surrogate_key(['customer_key', 'column_name']) }} as customer_conflict_key,
        customer_key,
        column_name,
        count(distinct stated_value) as value_count,
        count(*) as record_count,
        count(distinct record_source_system) as source_system_count
    from stated
    where stated_value is not null
    group by customer_key, column_name
    having count(distinct stated_value) > 1

)

select * from final
