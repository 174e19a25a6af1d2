{#- Grain: one row per segment, member and uninterrupted time with one verdict. -#}

with segment_changes as (

    select * from {{ source('journal', 'segment_changes') }}

),

customer_records as (

    select * from {{ ref('dim_customer_records') }}

),

compared as (

    select
        *,
        lag(verdict) over (partition by segment, member_key order by as_of_date) as previous_verdict
    from segment_changes

),

-- After an earlier night was run again, a change may say once more what is so already.
spanned as (

    select
        *,
        lead(as_of_date) over (partition by segment, member_key order by as_of_date) as until_date,
        lead(verdict) over (partition by segment, member_key order by as_of_date) as next_verdict,
        lead(reason) over (partition by segment, member_key order by as_of_date) as next_reason,
        lead(run_id) over (partition by segment, member_key order by as_of_date) as next_run_id
    from compared
    where previous_verdict is null or previous_verdict <> verdict

),

final as (

    select
        {{ surrogate_key(['spanned.segment', 'spanned.member_key', 'spanned.as_of_date']) }} as segment_verdict_key,
        spanned.segment,
        spanned.member_key,
        coalesce(customer_records.customer_key, 'unknown') as customer_key,
        spanned.verdict,
        spanned.reason,
        spanned.as_of_date as from_date,
        spanned.until_date,
        spanned.next_verdict,
        spanned.next_reason,
        spanned.run_id,
        spanned.next_run_id,
        spanned.definition_sha256
    from spanned
    left join customer_records on spanned.customer_key = customer_records.account_key
    where spanned.verdict <> 'left'

)

select * from final
