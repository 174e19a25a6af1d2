{#- Grain: one row per campaign id, whatever the systems; plus the unknown member. -#}

{%- set attributes = [
    'campaign_name', 'channel', 'purpose', 'segment', 'started_date', 'ended_date', 'budget_amount', 'currency_code',
] %}

with campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates__ranged') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by campaign_key
            order by is_deleted desc, updated_at asc nulls first, source_system desc
        ) as precedence
    from campaigns

),

merged as (

    select
        campaign_key,
        campaign_id,
        {% for attribute in attributes -%}
        max_by({{ attribute }}, precedence) filter (where {{ attribute }} is not null) as {{ attribute }},
        {% endfor -%}
        bool_and(is_deleted) as is_deleted,
        case when bool_and(is_deleted) then max(deleted_date) end as deleted_date
    from ranked
    group by all

),

final as (

    select
        merged.campaign_key,
        merged.campaign_id,
        coalesce(merged.campaign_name, merged.campaign_id) as campaign_name,
        coalesce(merged.channel, 'unknown') as channel,
        coalesce(merged.purpose, 'unknown') as purpose,
        merged.segment,
        merged.started_date,
        merged.ended_date,
        cast(merged.budget_amount * exchange_rates.rate as decimal(18, 2)) as budget_amount,
        merged.is_deleted,
        merged.deleted_date
    from merged
    cross join parameters
    left join exchange_rates
        on
            coalesce(merged.currency_code, parameters.reporting_currency) = exchange_rates.currency_code
            and coalesce(merged.started_date, parameters.as_of_date) >= exchange_rates.valid_from
            and coalesce(merged.started_date, parameters.as_of_date) < exchange_rates.valid_to
    union all
    select
        'unknown' as campaign_key,
        'unknown' as campaign_id,
        'unknown' as campaign_name,
        'unknown' as channel,
        'unknown' as purpose,
        null as segment,
        null as started_date,
        null as ended_date,
        null as budget_amount,
        false as is_deleted,
        null as deleted_date

)

select * from final
