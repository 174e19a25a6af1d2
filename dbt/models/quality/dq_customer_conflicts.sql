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

-- Only whether the values differ leaves this model, never a value.
stated as (

    {% for column in columns -%}
    select
        account_key,
        '{{ column }}' as column_name,
        cast({{ column }} as string) as stated_value
    from accounts
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

final as (

    select
        {{ surrogate_key(['records.customer_key', 'stated.column_name']) }} as customer_conflict_key,
        records.customer_key,
        stated.column_name,
        count(distinct stated.stated_value) as value_count,
        count(*) as record_count,
        count(distinct records.source_system) as source_system_count
    from stated
    inner join records on stated.account_key = records.account_key
    where stated.stated_value is not null
    group by records.customer_key, stated.column_name
    having count(distinct stated.stated_value) > 1

)

select * from final
