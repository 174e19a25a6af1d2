{#- Grain: one row per segment, member and night from which it was addressed or held out. -#}

with segment_assignments as (

    select * from {{ source('journal', 'segment_assignments') }}

),

customer_records as (

    select * from {{ ref('dim_customer_records') }}

),

-- Former keys of one customer count together; somebody no record is left of stays a person of his own.
assigned as (

    select
        segment_assignments.*,
        coalesce(customer_records.customer_key, segment_assignments.customer_key) as person_key,
        coalesce(customer_records.customer_key, 'unknown') as current_customer_key
    from segment_assignments
    left join customer_records on segment_assignments.customer_key = customer_records.account_key

),

-- Arms sort by what they keep away: global_holdout, holdout, treated.
numbered as (

    select
        *,
        row_number() over (partition by segment, person_key order by as_of_date, arm, member_key) as assignment_number,
        min(arm) over (partition by segment, person_key) <> max(arm) over (partition by segment, person_key) as is_mixed
    from assigned

),

final as (

    select
        {{ surrogate_key(['segment', 'member_key', 'as_of_date']) }} as segment_assignment_key,
        {{ surrogate_key(['segment']) }} as segment_key,
        segment,
        member_key,
        current_customer_key as customer_key,
        as_of_date as assigned_date,
        first_value(arm) over (partition by segment, person_key order by assignment_number) as arm,
        arm as assigned_arm,
        assignment_number,
        is_mixed
    from numbered

)

select * from final
