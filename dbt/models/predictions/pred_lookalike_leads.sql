{#- Grain: one row per open lead. -#}

with scores as (

    select * from {{ source('fitted', 'lookalike_leads') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

final as (

    select
        scores.lead_key,
        leads.lead_id,
        leads.customer_key,
        leads.employee_key,
        leads.created_date,
        leads.lead_source,
        leads.customer_segment,
        cast(
            row_number() over (order by scores.best_customer_rate desc, leads.created_date desc, scores.lead_key asc) as bigint
        ) as rank_number,
        scores.best_customer_rate,
        scores.usual_rate,
        scores.reason,
        scores.method
    from scores
    inner join leads on scores.lead_key = leads.lead_key

)

select * from final
