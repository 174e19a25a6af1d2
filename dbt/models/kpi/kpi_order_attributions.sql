{#- Grain: one row per order, touch and attribution model that gives the touch a share. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

order_touches as (

    select * from {{ ref('kpi_order_touches') }}

),

models as (

    select 'first_touch' as attribution_model
    union all
    select 'last_touch' as attribution_model
    union all
    select 'linear' as attribution_model
    union all
    select 'position_based' as attribution_model

),

-- Few, however many orders there are: every touch at the same place among as many gets the same share.
places as (

    select distinct
        touch_number,
        touch_count
    from order_touches

),

-- What the touches up to and including this one get. The share of a touch is the step between two of these, so that the
-- shares of an order add up to exactly 1, and its amounts to the cent.
accumulated as (

    select
        places.touch_number,
        places.touch_count,
        models.attribution_model,
        case
            when places.touch_number = places.touch_count then 1
            when models.attribution_model = 'first_touch' then 1
            when models.attribution_model = 'last_touch' then 0
            when models.attribution_model = 'linear' or places.touch_count = 2
                then cast(places.touch_number as double) / places.touch_count
            else
                parameters.position_based_edge_share
                + (1 - 2 * parameters.position_based_edge_share)
                * cast(places.touch_number - 1 as double)
                / (places.touch_count - 2)
        end as share_so_far
    from places
    cross join models
    cross join parameters

),

exact as (

    select
        touch_number,
        touch_count,
        attribution_model,
        cast({{ rounded('share_so_far', 9) }} as decimal(18, 9)) as share_so_far
    from accumulated

),

shares as (

    select
        *,
        lag(share_so_far, 1, 0) over (partition by touch_count, attribution_model order by touch_number) as share_before
    from exact

),

attributed as (

    select
        order_touches.*,
        shares.attribution_model,
        shares.share_so_far,
        shares.share_before
    from order_touches
    inner join shares
        on
            order_touches.touch_count = shares.touch_count
            and order_touches.touch_number = shares.touch_number
    where shares.share_so_far > shares.share_before

),

final as (

    select
        {{ surrogate_key(['order_touch_key', 'attribution_model']) }} as order_attribution_key,
        order_key,
        touch_key,
        attribution_model,
        customer_key,
        month,
        touch_type,
        touched_at,
        channel,
        campaign,
        touch_number,
        touch_count,
        cast(share_so_far - share_before as decimal(18, 9)) as order_share,
        cast(net_amount * share_so_far as decimal(18, 2)) - cast(net_amount * share_before as decimal(18, 2)) as attributed_amount
    from attributed

)

select * from final
