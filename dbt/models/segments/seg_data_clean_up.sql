{#- Grain: one row per valuable customer whose record is worst among those of its owner. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

scores as (

    select * from {{ ref('dq_customer_record_scores') }}

),

customer_values as (

    select * from {{ ref('kpi_customer_lifetime_value') }}
    where abc_class in ('A', 'B')

),

employees as (

    select * from {{ ref('dim_employees') }}

),

-- Where to begin: the oldest record of the customer. An id that is an address stays where it is.
records as (

    select * from {{ ref('dim_customer_records') }}
    where not is_deleted and account_id not like '%@%'
    qualify row_number() over (partition by customer_key order by first_seen_date, source_system, account_id) = 1

),

ranked as (

    select
        scores.*,
        customer_values.abc_class,
        customer_values.margin_12m_amount,
        row_number() over (
            partition by scores.owner_employee_key
            order by
                customer_values.abc_class asc,
                scores.record_score asc,
                customer_values.margin_12m_amount desc nulls last,
                scores.customer_key asc
        ) as rank_number
    from scores
    cross join parameters
    inner join customer_values on scores.customer_key = customer_values.customer_key
    where scores.record_score < parameters.record_score_target

),

final as (

    select
        ranked.customer_key,
        cast(ranked.rank_number as bigint) as rank_number,
        ranked.abc_class || ' customer'
        || coalesce('; missing: ' || replace(ranked.missing_fields, ' ', ', '), '')
        || coalesce('; contradictory: ' || replace(ranked.contradictory_fields, ' ', ', '), '')
        || case when ranked.is_old then '; unchanged since ' || coalesce(cast(ranked.last_changed_date as string), 'ever') else '' end
            as reason,
        ranked.owner_employee_key as employee_key,
        coalesce(employees.employee_id, 'unknown') as employee_id,
        records.source_system,
        records.account_id,
        ranked.abc_class,
        round(ranked.record_score, 2) as record_score,
        cast(ranked.missing_field_count as bigint) as missing_field_count,
        ranked.contradictory_field_count,
        ranked.is_old,
        ranked.margin_12m_amount
    from ranked
    cross join parameters
    left join employees on ranked.owner_employee_key = employees.employee_key
    left join records on ranked.customer_key = records.customer_key
    where ranked.rank_number <= parameters.clean_up_list_length

)

select * from final
