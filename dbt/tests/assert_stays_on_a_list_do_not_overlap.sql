{#- Stays of one member on one list that end before they begin, overlap, or last while another one follows. -#}

with memberships as (

    select * from {{ ref('fct_segment_memberships') }}

),

followed as (

    select
        segment,
        member_key,
        stay_number,
        entered_date,
        left_date,
        lead(entered_date) over (partition by segment, member_key order by stay_number) as next_entered_date
    from memberships

)

select *
from followed
where
    left_date <= entered_date
    or next_entered_date < left_date
    or (left_date is null and next_entered_date is not null)
