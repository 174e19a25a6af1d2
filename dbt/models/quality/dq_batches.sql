{#- Grain: one row per batch (file and feed) of the ledger. -#}

with batches as (

    select * from {{ source('journal', 'batches') }}

),

final as (

    select
        batch_id,
        source_system,
        feed,
        mapping,
        file,
        batch_date,
        status,
        reason,
        source_rows,
        filtered_rows,
        delivered_rows,
        loaded_rows,
        quarantined_rows,
        duplicate_rows,
        source_rows - filtered_rows - delivered_rows as source_difference,
        delivered_rows - loaded_rows - quarantined_rows - duplicate_rows as delivered_difference,
        coalesce(
            source_rows = filtered_rows + delivered_rows
            and delivered_rows = loaded_rows + quarantined_rows + duplicate_rows,
            false
        ) as is_balanced,
        {{ safe_ratio('quarantined_rows', 'delivered_rows') }} as quarantined_rate
    from batches

)

select * from final
