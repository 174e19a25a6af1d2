{#- Grain: one row per night, family, model and member. -#}

with fits as (

    select * from {{ source('journal', 'fits') }}

),

final as (

    select
        as_of_date,
        family,
        model,
        member,
        fitted_through_date,
        fitted_on_date,
        fitted_on_date = as_of_date as is_fitted_anew,
        data_sha256,
        row_count,
        parameters,
        coalesce(
            parameters <> lag(parameters) over (
                partition by family, model, member
                order by as_of_date
            ),
            false
        ) as has_changed
    from fits

)

select * from final
