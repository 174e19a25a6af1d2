{#- Grain: one row per source system, feed, column and month of the batch whose values were held against other records. -#}
{%- set named_feeds = {
    'accounts': 'account_id', 'campaigns': 'campaign_id', 'opportunities': 'opportunity_id', 'orders': 'order_id', 'products': 'product_id',
    'tickets': 'ticket_id',
} %}
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

conflicts as (

    select * from {{ ref('dq_customer_conflicts') }}

),

-- What can be named, deleted since or not: in its own system, and by number alone where one system keeps the numbers of all.
named as (

    {% for feed, key in named_feeds.items() -%}
    select
        '{{ feed }}' as feed,
        source_system,
        {{ key }} as named_id
    from {{ ref('stg_' ~ feed) }}
    union all
    {% endfor -%}
    {% for _, key, feed in references_elsewhere -%}
    select
        '{{ feed }}' as feed,
        'any' as source_system,
        {{ key }} as named_id
    from {{ ref('stg_' ~ feed) }}
    group by {{ key }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- A reference is consistent when the row it names was delivered.
referring as (

    {% for feed, column, named_feed in references + references_elsewhere -%}
    select
        '{{ feed }}' as feed,
        '{{ column }}' as column_name,
        referring._batch_id as batch_id,
        count(*) as checked_count,
        count(named.named_id) as consistent_count
    from {{ ref('stg_' ~ feed) }} as referring
    left join named
        on
            referring.{{ column }} = named.named_id
            and {{ 'referring.source_system' if loop.index <= references | length else "'any'" }} = named.source_system
            and named.feed = '{{ named_feed }}'
    where referring.{{ column }} is not null and not referring.is_deleted
    group by referring._batch_id
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- A value is consistent when no other record of the same customer states another one.
stated as (

    {% for column in compared_columns -%}
    select
        'accounts' as feed,
        '{{ column }}' as column_name,
        accounts._batch_id as batch_id,
        count(*) as checked_count,
        count(*) filter (where conflicts.customer_key is null) as consistent_count
    from accounts
    inner join records on accounts.account_key = records.account_key
    left join conflicts on records.customer_key = conflicts.customer_key and conflicts.column_name = '{{ column }}'
    where accounts.{{ column }} is not null
    group by accounts._batch_id
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
