{#- Grain: one row per return and order line it is for; one row per return where no line is known. -#}
{%- set so_far = 'partition by return_key order by line_number rows between unbounded preceding and current row' %}

with returns as (

    select * from {{ ref('stg_returns') }}

),

order_lines as (

    select * from {{ ref('stg_order_lines') }}
    where not is_deleted

),

priced as (

    select * from {{ ref('int_order_lines__priced') }}

),

lines as (

    select
        order_lines.order_line_key,
        order_lines.order_key,
        order_lines.line_number,
        order_lines.product_id,
        order_lines.quantity,
        greatest(coalesce(priced.net_amount, 0), 0) as amount
    from order_lines
    inner join priced on order_lines.order_line_key = priced.order_line_key

),

-- A return meets one line by number, else one line by product, else every line of the order: rows multiply on purpose, and
-- a data test holds the sum of the shares against the return.
by_product as (

    select
        returns.return_key,
        min(lines.line_number) as line_number
    from returns
    inner join lines
        on
            returns.order_key = lines.order_key
            and returns.product_id = lines.product_id
    where returns.line_number is null
    group by returns.return_key

),

met as (

    select
        returns.return_key,
        lines.order_line_key,
        lines.line_number,
        lines.quantity as sold_quantity,
        lines.amount,
        coalesce(returns.line_number, by_product.line_number) is null as is_whole_order,
        count(*) over (partition by returns.return_key) as line_count,
        sum(lines.amount) over (partition by returns.return_key) as total_amount
    from returns
    left join by_product on returns.return_key = by_product.return_key
    inner join lines
        on
            returns.order_key = lines.order_key
            and lines.line_number = coalesce(returns.line_number, by_product.line_number, lines.line_number)

),

-- By amount; an order of nothing but free lines is spread evenly.
weighted as (

    select
        *,
        case when total_amount = 0 then 1 else amount end as weight,
        case when total_amount = 0 then line_count else total_amount end as total_weight
    from met

),

running as (

    select
        *,
        {{ safe_ratio('sum(weight) over (' ~ so_far ~ ')', 'total_weight') }} as running_share,
        {{ safe_ratio('sum(weight) over (' ~ so_far ~ ') - weight', 'total_weight') }} as previous_share
    from weighted

),

allocated as (

    select
        returns.return_key,
        returns.return_id,
        returns.source_system,
        returns.order_key,
        returns.returned_at,
        returns.reason,
        returns.is_deleted,
        running.order_line_key,
        case when not running.is_whole_order then returns.quantity end as quantity,
        case
            when running.order_line_key is null then returns.refund_amount
            else
                cast({{ rounded('returns.refund_amount * running.running_share', 2) }} as decimal(18, 2))
                - cast({{ rounded('returns.refund_amount * running.previous_share', 2) }} as decimal(18, 2))
        end as refund_amount,
        running.sold_quantity,
        running.amount as sold_amount
    from returns
    left join running on returns.return_key = running.return_key

),

final as (

    select
        {{ surrogate_key(['return_key', 'order_line_key']) }} as return_line_key,
        return_key,
        return_id,
        source_system,
        order_key,
        order_line_key,
        returned_at,
        reason,
        is_deleted,
        quantity,
        cast(refund_amount as decimal(18, 2)) as refund_amount,
        -- How much of the line came back: by units, else by money; never more than all of it.
        cast(
            {{ rounded(
                'least(coalesce(' ~ safe_ratio('quantity', 'sold_quantity') ~ ', ' ~ safe_ratio('refund_amount', 'sold_amount') ~ ', 0), 1)', 6
            ) }}
            as decimal(18, 6)
        ) as returned_share
    from allocated

)

select * from final
