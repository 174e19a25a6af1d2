{#- Grain: one row per kpi, reading, month, dimension and member. -#}
{%- set marts = {
    'acquisition_cost': 'kpi_acquisition_cost_monthly',
    'argument_response': 'kpi_argument_response_monthly',
    'attribution': 'kpi_attribution_monthly',
    'buying_center_coverage': 'kpi_buying_center_coverage_monthly',
    'campaign_response': 'kpi_campaign_response_monthly',
    'ces': 'kpi_ces_monthly',
    'churn_contractual': 'kpi_churn_contractual_monthly',
    'churn_inactivity': 'kpi_churn_inactivity_monthly',
    'clv_to_cac': 'kpi_clv_to_cac',
    'cohort_retention': 'kpi_cohort_retention_monthly',
    'complaint_rate': 'kpi_complaint_rate_monthly',
    'cost_to_serve': 'kpi_cost_to_serve_monthly',
    'csat': 'kpi_csat_monthly',
    'customer_equity': 'kpi_customer_equity_monthly',
    'customer_lifetime_value': 'kpi_customer_lifetime_value_monthly',
    'data_quality': 'dq_scores_monthly',
    'first_contact_resolution': 'kpi_first_contact_resolution_monthly',
    'lead_conversion': 'kpi_lead_conversion_monthly',
    'loyalty_effect': 'kpi_loyalty_effect_monthly',
    'loyalty_liability': 'kpi_loyalty_liability_monthly',
    'management_contact_share': 'kpi_management_contact_share_monthly',
    'nps': 'kpi_nps_monthly',
    'pipeline': 'kpi_pipeline_monthly',
    'quota_attainment': 'kpi_quota_attainment_monthly',
    'quote_to_order': 'kpi_quote_to_order_monthly',
    'retention_cost': 'kpi_retention_cost_monthly',
    'revenue_movements': 'kpi_revenue_movements_monthly',
    'revenue_retention': 'kpi_revenue_retention_monthly',
    'satisfaction_to_money': 'kpi_satisfaction_to_money',
    'sla_attainment': 'kpi_sla_attainment_monthly',
    'survey_response_rate': 'kpi_survey_response_rate_monthly',
    'ticket_backlog': 'kpi_ticket_backlog_monthly',
    'visitor_conversion': 'kpi_visitor_conversion_monthly',
    'win_rate': 'kpi_win_rate_monthly',
} %}
{#- Marts that publish more than their ratio: the column of the statistic, the reading's suffix, what it rests on. -#}
{%- set statistics = [
    ('sales_cycle', 'kpi_sales_cycle_monthly', 'mean_days', '_mean', 'denominator', 'is_final'),
    ('sales_cycle', 'kpi_sales_cycle_monthly', 'median_days', '_median', 'denominator', 'is_final'),
    ('sales_cycle', 'kpi_sales_cycle_monthly', 'p90_days', '_p90', 'denominator', 'is_final'),
    ('sales_cycle', 'kpi_sales_cycle_monthly', 'km_median_days', '_km_median', 'cohort_count', 'is_final and cohort_open_count = 0'),
    ('service_time', 'kpi_service_time_monthly', 'value', '_mean', 'denominator', 'is_final'),
    ('service_time', 'kpi_service_time_monthly', 'median_hours', '_median', 'denominator', 'is_final'),
    ('service_time', 'kpi_service_time_monthly', 'p90_hours', '_p90', 'denominator', 'is_final'),
] %}

with stage_times as (

    select * from {{ ref('kpi_time_in_stage_monthly') }}
    where dimension = 'total'

),

final as (

    {% for kpi, mart in marts.items() -%}
    select
        '{{ kpi }}' as kpi,
        reading,
        month,
        dimension,
        member,
        cast(numerator as decimal(18, 4)) as numerator,
        cast(denominator as decimal(18, 4)) as denominator,
        value,
        unit,
        is_final
    from {{ ref(mart) }}
    union all
    {% endfor -%}
    {% for kpi, mart, statistic, suffix, denominator, is_final in statistics -%}
    select
        '{{ kpi }}' as kpi,
        reading || '{{ suffix }}' as reading,
        month,
        dimension,
        member,
        {% if suffix == '_mean' -%}
        cast(numerator as decimal(18, 4)) as numerator,
        {% else -%}
        cast(null as decimal(18, 4)) as numerator,
        {% endif -%}
        cast({{ denominator }} as decimal(18, 4)) as denominator,
        {{ statistic }} as value,
        unit,
        {{ is_final }} as is_final
    from {{ ref(mart) }}
    union all
    {% endfor -%}
    -- The stages of all deals are the members here; the mart has them by every other cut, too.
    select
        'time_in_stage' as kpi,
        reading,
        month,
        'stage' as dimension,
        stage_name as member,
        cast(numerator as decimal(18, 4)) as numerator,
        cast(denominator as decimal(18, 4)) as denominator,
        value,
        unit,
        is_final
    from stage_times

)

select * from final
