{{ config(
    severity='warn',
    meta={
        'owner': 'accounting',
        'reason': 'A currency without a rate leaves its amounts empty; the rest of the night is still right.',
    },
) }}
{#- Documents in a currency that seed exchange_rates does not know on their day. -#}

select
    'order_lines' as fact,
    source_system,
    count(*) as row_count
from {{ ref('fct_order_lines') }}
where has_missing_rate
group by source_system
union all
select
    'contracts' as fact,
    source_system,
    count(*) as row_count
from {{ ref('fct_contracts') }}
where has_missing_rate
group by source_system
union all
select
    'opportunities' as fact,
    source_system,
    count(*) as row_count
from {{ ref('fct_opportunities') }}
where has_missing_rate
group by source_system
union all
select
    'quotes' as fact,
    source_system,
    count(*) as row_count
from {{ ref('fct_quotes') }}
where has_missing_rate
group by source_system
union all
select
    'costs' as fact,
    source_system,
    count(*) as row_count
from {{ ref('fct_costs') }}
where has_missing_rate
group by source_system
union all
select
    'loyalty_transactions' as fact,
    source_system,
    count(*) as row_count
from {{ ref('fct_loyalty_transactions') }}
where has_missing_rate
group by source_system
