{#- Grain: one row per control figure, source system, month and explanation of the difference. -#}

with objects as (

    select * from {{ ref('dq_reconciled_objects') }}

),

final as (

    select
        {{ surrogate_key(['control', 'feed', 'source_system', 'month', 'explanation']) }} as reconciliation_key,
        control,
        feed,
        source_system,
        month,
        explanation,
        is_explained,
        count(*) as object_count,
        cast(sum(our_figure) as decimal(18, 4)) as our_figure,
        cast(sum(source_figure) as decimal(18, 4)) as source_figure,
        cast(sum(difference) as decimal(18, 4)) as difference,
        cast(sum(abs(difference)) as decimal(18, 4)) as absolute_difference
    from objects
    group by control, feed, source_system, month, explanation, is_explained

)

select * from final
