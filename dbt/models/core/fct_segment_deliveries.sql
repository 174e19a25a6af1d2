{#- Grain: one row per segment and night. -#}

with deliveries as (

    select * from {{ source('journal', 'deliveries') }}

),

destination_deliveries as (

    select * from {{ source('journal', 'destination_deliveries') }}

),

segments as (

    select * from {{ ref('dim_segments') }}

),

arrivals as (

    select
        segment,
        as_of_date,
        count(*) filter (where status = 'arrived') as arrived_file_count,
        count(*) filter (where status = 'unchanged') as unchanged_file_count,
        count(*) filter (where status = 'failed') as failed_file_count
    from destination_deliveries
    group by segment, as_of_date

),

final as (

    select
        {{ surrogate_key(['deliveries.segment', 'deliveries.as_of_date']) }} as segment_delivery_key,
        coalesce(segments.segment_key, 'unknown') as segment_key,
        deliveries.segment,
        deliveries.as_of_date,
        deliveries.status,
        deliveries.status = 'delivered' as is_delivered,
        deliveries.message,
        deliveries.is_releasable,
        deliveries.is_released,
        deliveries.released_by,
        deliveries.candidate_count,
        deliveries.member_count,
        deliveries.dropped_count,
        deliveries.holdout_count,
        deliveries.added_count,
        deliveries.kept_count,
        deliveries.changed_count,
        deliveries.removed_count,
        deliveries.previous_date,
        coalesce(arrivals.arrived_file_count, 0) as arrived_file_count,
        coalesce(arrivals.unchanged_file_count, 0) as unchanged_file_count,
        coalesce(arrivals.failed_file_count, 0) as failed_file_count,
        deliveries.base_rate,
        deliveries.minimum_detectable_effect,
        deliveries.sample_ratio_chi2,
        deliveries.checksum,
        deliveries.definition_sha256,
        deliveries.run_id
    from deliveries
    left join segments on deliveries.segment = segments.segment
    left join arrivals
        on
            deliveries.segment = arrivals.segment
            and deliveries.as_of_date = arrivals.as_of_date

)

select * from final
