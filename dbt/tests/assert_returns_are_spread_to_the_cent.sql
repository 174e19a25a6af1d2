{#- Returns whose shares do not add up to what was given back. -#}

with allocated as (

    select * from {{ ref('int_returns__allocated') }}

),

returns as (

    select * from {{ ref('stg_returns') }}

)

select
    returns.return_key,
    returns.refund_amount,
    sum(allocated.refund_amount) as allocated_amount
from returns
left join allocated on returns.return_key = allocated.return_key
group by returns.return_key, returns.refund_amount
having cast(returns.refund_amount as decimal(18, 2)) <> coalesce(sum(allocated.refund_amount), -1)
