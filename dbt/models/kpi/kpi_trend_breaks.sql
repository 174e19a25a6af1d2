{#- Grain: one row per measure and member whose months were searched for a break. -#}

with breaks as (

    select * from {{ source('fitted', 'trend_breaks') }}

),

-- What is no more than chance has neither a month nor a size that anybody should act on.
final as (

    select
        measure,
        member,
        month_count,
        is_break,
        probability,
        case when is_break then month end as month,
        case when is_break then break_type end as break_type,
        case when is_break then before_value end as before_value,
        case when is_break then after_value end as after_value,
        case when is_break then change_rate end as change_rate,
        case when is_break then reason end as reason
    from breaks

)

select * from final
