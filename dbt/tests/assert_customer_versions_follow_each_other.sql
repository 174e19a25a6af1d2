{#- Versions of a customer that overlap, leave a gap, or end otherwise than with exactly one current one. -#}

with customers as (

    select * from {{ ref('dim_customers') }}

),

followed as (

    select
        customer_key,
        version_number,
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by customer_key order by valid_from) as next_valid_from
    from customers

)

select *
from followed
where
    valid_from >= valid_to
    or valid_to <> coalesce(next_valid_from, date '9999-12-31')
    or is_current <> (next_valid_from is null)
