{#- Grain: one row per segment, member and stay. -#}

with verdicts as (

    select * from {{ ref('int_segment_verdicts__spanned') }}
    where verdict = 'member'

),

deliveries as (

    select * from {{ source('journal', 'deliveries') }}

),

-- What was not delivered on the night of the entry is on the next list that leaves.
nights as (

    select
        segment,
        as_of_date,
        min(case when status = 'delivered' then as_of_date end) over (
            partition by segment
            order by as_of_date
            rows between current row and unbounded following
        ) as next_delivered_date
    from deliveries

),

final as (

    select
        verdicts.segment_verdict_key as segment_membership_key,
        {{ surrogate_key(['verdicts.segment']) }} as segment_key,
        verdicts.segment,
        verdicts.member_key,
        verdicts.customer_key,
        row_number() over (partition by verdicts.segment, verdicts.member_key order by verdicts.from_date) as stay_number,
        verdicts.from_date as entered_date,
        verdicts.until_date as left_date,
        verdicts.until_date is null as is_current,
        case
            when verdicts.until_date is null or nights.next_delivered_date < verdicts.until_date then nights.next_delivered_date
        end as first_delivered_date,
        verdicts.reason as entry_reason,
        verdicts.next_verdict as exit_verdict,
        case when verdicts.next_verdict = 'left' then verdicts.next_reason end as exit_reason,
        verdicts.run_id as entered_run_id,
        verdicts.next_run_id as left_run_id,
        verdicts.definition_sha256
    from verdicts
    left join nights
        on
            verdicts.segment = nights.segment
            and verdicts.from_date = nights.as_of_date

)

select * from final
