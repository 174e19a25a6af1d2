{#- Grain: one row per unit in which products are looked for together. -#}

with baskets as (

    select * from {{ ref('pred_baskets') }}
    where purpose = 'today'

),

final as (

    select
        unit,
        count(*) filter (where is_counted) as counted_basket_count,
        count(*) filter (where not is_counted) as giant_basket_count,
        cast(coalesce(sum(item_count) filter (where is_counted), 0) as bigint) as counted_item_count,
        cast(coalesce(sum(item_count) filter (where not is_counted), 0) as bigint) as giant_item_count,
        max(item_count) as largest_item_count,
        {{ safe_ratio('count(*) filter (where is_counted)', 'count(*)') }} as coverage_rate
    from baskets
    group by unit

)

select * from final
