{#- Grain: one row per scope (a segment, or global) and customer. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

segments as (

    select * from {{ source('journal', 'segments') }}

),

assignments as (

    select * from {{ ref('fct_segment_assignments') }}
    where assignment_number = 1 and customer_key <> 'unknown'

),

customers as (

    select * from {{ ref('dim_customers') }}

),

value_classes as (

    select * from {{ ref('kpi_value_classes_monthly') }}

),

-- A customer counts once per list, and once over all lists, in the group of the first assignment. Of two on one night the one
-- that keeps further away comes first, which is the order of the alphabet.
drawn as (

    select
        assignments.segment as scope,
        assignments.customer_key,
        assignments.assigned_date,
        assignments.arm = 'holdout' as is_holdout,
        cast({{ rounded('segments.holdout_share', 6) }} as decimal(9, 6)) as holdout_share
    from assignments
    inner join segments on assignments.segment = segments.segment and assignments.assigned_date = segments.as_of_date
    where assignments.arm <> 'global_holdout'
    union all
    select
        'global' as scope,
        assignments.customer_key,
        assignments.assigned_date,
        assignments.arm = 'global_holdout' as is_holdout,
        cast({{ rounded('parameters.global_holdout_share', 6) }} as decimal(9, 6)) as holdout_share
    from assignments
    cross join parameters
    qualify
        row_number() over (partition by assignments.customer_key order by assignments.assigned_date, assignments.arm) = 1

),

-- What a customer was when the draw was made, not what the list may have made of him.
final as (

    select
        {{ surrogate_key(['drawn.scope', 'drawn.customer_key']) }} as holdout_draw_key,
        drawn.scope,
        drawn.customer_key,
        drawn.assigned_date,
        drawn.is_holdout,
        drawn.holdout_share,
        coalesce(customers.customer_type, 'unknown') as customer_type,
        coalesce(customers.customer_segment, 'unknown') as customer_segment,
        coalesce(customers.region, 'unknown') as region,
        coalesce(customers.country_code, 'unknown') as country_code,
        coalesce(value_classes.abc_revenue_class, 'unknown') as abc_class,
        coalesce(customers.acquisition_channel, 'unknown') as acquisition_channel
    from drawn
    left join customers
        on
            drawn.customer_key = customers.customer_key
            and drawn.assigned_date >= customers.valid_from
            and drawn.assigned_date < customers.valid_to
    left join value_classes
        on
            drawn.customer_key = value_classes.customer_key
            and cast(date_trunc('month', {{ date_plus('drawn.assigned_date', -1, 'month') }}) as date) = value_classes.month

)

select * from final
