{#- Grain: one row per control figure and object (order, ticket, file) that a source system states it for. -#}
{{ config(materialized='view') }}

with orders as (

    select * from {{ ref('dq_reconciled_orders') }}

),

tickets as (

    select * from {{ ref('fct_tickets') }}

),

batches as (

    select * from {{ ref('dq_batches') }}

),

compared as (

    select * from orders
    union all
    select
        'ticket_count' as control,
        'tickets' as feed,
        source_system,
        ticket_key as object_key,
        created_date as object_date,
        case when is_countable then 1 else 0 end as our_figure,
        1 as source_figure,
        case
            when is_countable then 'equal'
            when is_merged then 'merged_ticket'
            when is_spam then 'spam'
            when is_test then 'test_ticket'
            when is_deleted then 'ticket_deleted'
            else 'unexplained'
        end as explanation
    from tickets
    union all
    select
        'row_count' as control,
        feed,
        source_system,
        batch_id as object_key,
        batch_date as object_date,
        loaded_rows as our_figure,
        source_rows as source_figure,
        case
            when source_rows = loaded_rows then 'equal'
            when not is_balanced then 'unexplained'
            when status = 'refused' then 'file_refused'
            when quarantined_rows > 0 then 'rows_quarantined'
            when duplicate_rows > 0 then 'exact_duplicates'
            else 'rows_filtered'
        end as explanation
    from batches

),

final as (

    select
        {{ surrogate_key(['control', 'object_key']) }} as reconciled_object_key,
        control,
        feed,
        source_system,
        object_key,
        object_date,
        cast(date_trunc('month', object_date) as date) as month,
        cast(our_figure as decimal(18, 4)) as our_figure,
        cast(source_figure as decimal(18, 4)) as source_figure,
        cast(our_figure - source_figure as decimal(18, 4)) as difference,
        explanation,
        explanation not in ('unexplained', 'lines_missing') as is_explained
    from compared

)

select * from final
