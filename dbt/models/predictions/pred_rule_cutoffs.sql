{#- Grain: one row per purpose (today, holdout) for which rules are learned. -#}

with cutoffs as (

    select * from {{ ref('pred_cutoffs') }}

),

-- What is offered today was learned through the last Sunday: all that reads this is left alone on the other days of the week.
final as (

    select
        case purpose when 'fit' then 'today' else purpose end as purpose,
        through_date,
        until_date
    from cutoffs
    where purpose in ('fit', 'holdout')

)

select * from final
