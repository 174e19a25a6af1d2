{#- Grain: one row per currency and first day of a rate. -#}

with exchange_rates as (

    select * from {{ ref('exchange_rates') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

foreign_currencies as (

    select
        upper(trim(exchange_rates.currency_code)) as currency_code,
        exchange_rates.valid_from,
        lead(exchange_rates.valid_from, 1, date '9999-12-31') over (
            partition by upper(trim(exchange_rates.currency_code))
            order by exchange_rates.valid_from
        ) as valid_to,
        exchange_rates.rate
    from exchange_rates
    cross join parameters
    where upper(trim(exchange_rates.currency_code)) <> parameters.reporting_currency

),

reporting_currency as (

    select
        reporting_currency as currency_code,
        date '0001-01-01' as valid_from,
        date '9999-12-31' as valid_to,
        cast(1 as decimal(18, 8)) as rate
    from parameters

),

final as (

    select
        {{ surrogate_key(['currency_code', 'valid_from']) }} as exchange_rate_key,
        currency_code,
        valid_from,
        valid_to,
        rate
    from foreign_currencies
    union all
    select
        {{ surrogate_key(['currency_code', 'valid_from']) }} as exchange_rate_key,
        currency_code,
        valid_from,
        valid_to,
        rate
    from reporting_currency

)

select * from final
