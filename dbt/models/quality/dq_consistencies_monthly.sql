{#- Grain: one row per source system, feed, column and month of the batch whose values were held against other records. -#}
{%- set references = [
    ('activities', 'account_id', 'accounts'),
    ('campaign_contacts', 'campaign_id', 'campaigns'),
    ('campaign_responses', 'campaign_id', 'campaigns'),
    ('contacts', 'account_id', 'accounts'),
    ('contracts', 'account_id', 'accounts'),
    ('opportunities', 'account_id', 'accounts'),
    ('opportunity_stage_changes', 'opportunity_id', 'opportunities'),
    ('order_lines', 'order_id', 'orders'),
    ('orders', 'account_id', 'accounts'),
    ('returns', 'order_id', 'orders'),
    ('ticket_messages', 'ticket_id', 'tickets'),
    ('tickets', 'account_id', 'accounts'),
] %}
{%- set references_elsewhere = [
    ('order_lines', 'product_id', 'products'),
    ('quotes', 'opportunity_id', 'opportunities'),
    ('survey_responses', 'ticket_id', 'tickets'),
] %}
{%- set compared_columns = [
    'account_type', 'name', 'email', 'phone', 'postal_code', 'country_code', 'birth_date', 'customer_segment', 'owner_employee_id',
] %}

with batches as (

    select * from {{ ref('stg_batches') }}

),

accounts as (

    select * from {{ ref('stg_accounts') }}
    where not is_deleted

),

records as (

    select * from {{ ref('dim_customer_records') }}

),

contradicted as (

    select
        {% for column in compared_columns -%}
        bool_or(column_name = '{{ column }}') as has_{{ column }}_conflict,
        {% endfor -%}
        customer_key
    from {{ ref('dq_customer_conflicts') }}
    group by customer_key

),

{% for _, column, feed in references_elsewhere -%}
numbered_{{ feed }} as (

    select {{ column }}
    from {{ ref('stg_' ~ feed) }}
    group by {{ column }}

),

{% endfor -%}
-- A reference is consistent when the row it names was delivered, deleted since or not: in its own system, and by number alone
-- where one system keeps the numbers of all.
referring as (

    {% for feed, column, named_feed in references + references_elsewhere -%}
    select
        '{{ feed }}' as feed,
        '{{ column }}' as column_name,
        referring._batch_id as batch_id,
        count(*) as checked_count,
        count(named.{{ column }}) as consistent_count
    from {{ ref('stg_' ~ feed) }} as referring
    left join {{ ref('stg_' ~ named_feed) if loop.index <= references | length else 'numbered_' ~ named_feed }} as named
        on
            referring.{{ column }} = named.{{ column }}
            and {{ 'referring.source_system = named.source_system' if loop.index <= references | length else 'true' }}
    where referring.{{ column }} is not null and not referring.is_deleted
    group by referring._batch_id
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- A value is consistent when no other record of the same customer states another one.
valued as (

    select
        {% for column in compared_columns -%}
        count(accounts.{{ column }}) as {{ column }}_checked_count,
        count(accounts.{{ column }}) filter (where not coalesce(contradicted.has_{{ column }}_conflict, false))
            as {{ column }}_consistent_count,
        {% endfor -%}
        accounts._batch_id as batch_id
    from accounts
    inner join records on accounts.account_key = records.account_key
    left join contradicted on records.customer_key = contradicted.customer_key
    group by accounts._batch_id

),

stated as (

    {% for column in compared_columns -%}
    select
        'accounts' as feed,
        '{{ column }}' as column_name,
        batch_id,
        {{ column }}_checked_count as checked_count,
        {{ column }}_consistent_count as consistent_count
    from valued
    where {{ column }}_checked_count > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

compared as (

    select * from referring
    union all
    select * from stated

),

final as (

    select
        {{ surrogate_key([
            'batches.source_system', 'compared.feed', 'compared.column_name', "cast(date_trunc('month', batches.batch_date) as date)",
        ]) }} as consistency_key,
        batches.source_system,
        compared.feed,
        compared.column_name,
        cast(date_trunc('month', batches.batch_date) as date) as month,
        cast(sum(compared.checked_count) as bigint) as checked_count,
        cast(sum(compared.consistent_count) as bigint) as consistent_count
    from compared
    inner join batches on compared.batch_id = batches.batch_id
    group by batches.source_system, compared.feed, compared.column_name, cast(date_trunc('month', batches.batch_date) as date)

)

select * from final
