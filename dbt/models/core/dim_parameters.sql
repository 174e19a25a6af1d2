{#- Grain: one row, the inputs of the run. -#}

{%- set parameters = {
    'churn_window_days': 'bigint',
    'grace_days': 'bigint',
    'fcr_window_days': 'bigint',
    'business_time_zone': 'string',
    'fiscal_year_start_month': 'bigint',
    'service_calendar': 'string',
    'control_limit_sigmas': 'double',
    'complaint_min_orders': 'bigint',
    'complaint_window_months': 'bigint',
    'complaint_baseline_months': 'bigint',
    'clv_horizon_months': 'bigint',
    'clv_min_customers': 'bigint',
    'clv_min_contracts': 'bigint',
    'clv_model': 'string',
    'annual_discount_rate': 'double',
    'lead_definition': 'string',
    'lead_maturity_days': 'bigint',
    'attribution_window_days': 'bigint',
    'position_based_edge_share': 'double',
    'first_touch_window_days': 'bigint',
    'abc_a_share': 'double',
    'abc_b_share': 'double',
    'rfm_window_months': 'bigint',
    'revenue_window_months': 'bigint',
    'nps_window_days': 'bigint',
    'survey_answer_days': 'bigint',
    'satisfaction_horizon_months': 'bigint',
    'record_stale_days': 'bigint',
    'record_score_target': 'double',
    'clean_up_list_length': 'bigint',
    'min_segment_size': 'bigint',
    'stale_stage_factor': 'double',
    'churn_risk_overdue_factor': 'double',
    'churn_risk_min_orders': 'bigint',
    'churn_horizon_days': 'bigint',
    'churn_min_customers': 'bigint',
    'churn_min_losses': 'bigint',
    'churn_risk_min_probability': 'double',
    'win_back_window_days': 'bigint',
    'cross_sell_min_lift': 'double',
    'cross_sell_min_count': 'bigint',
    'cross_sell_min_confidence': 'double',
    'identity_max_records': 'bigint',
    'max_basket_items': 'bigint',
    'affinity_min_count': 'bigint',
    'affinity_min_support_rate': 'double',
    'sequence_min_count': 'bigint',
    'sequence_lag_min_days': 'bigint',
    'sequence_lag_max_days': 'bigint',
    'rule_significance_level': 'double',
    'cluster_window_months': 'bigint',
    'cluster_min_customers': 'bigint',
    'lookalike_min_customers': 'bigint',
    'loyalty_point_cost_amount': 'decimal(18, 4)',
    'loyalty_comparables_per_member': 'bigint',
    'offer_rules_per_product': 'bigint',
    'offer_argument_min_contacts': 'bigint',
    'offer_argument_response_days': 'bigint',
    'prediction_holdout_months': 'bigint',
    'forecast_horizon_months': 'bigint',
    'trend_break_window_months': 'bigint',
    'trend_break_error_rate': 'double',
    'contact_cap_count': 'bigint',
    'contact_cap_days': 'bigint',
    'global_holdout_share': 'double',
    'outcome_window_days': 'bigint',
    'next_purchase_lead_days': 'bigint',
    'onboarding_days': 'bigint',
    'tier_upgrade_missing_rate': 'double',
    'service_recovery_days': 'bigint',
    'service_user_min_tickets': 'bigint',
    'nurture_quiet_days': 'bigint',
    'nurture_max_days': 'bigint',
    'newsletter_lapse_days': 'bigint',
    'newsletter_lapse_min_count': 'bigint',
    'anniversary_lead_days': 'bigint',
    'sales_call_signal_days': 'bigint',
    'sales_call_rest_days': 'bigint',
} %}

with runs as (

    select * from {{ ref('stg_runs') }}

),

kpi_parameters as (

    select * from {{ ref('kpi_parameters') }}

),

pivoted as (

    select
        {% for parameter, type in parameters.items() -%}
        cast(max(case when parameter = '{{ parameter }}' then value end) as {{ type }}) as {{ parameter }},
        {% endfor -%}
        count(*) as parameter_count
    from kpi_parameters

),

final as (

    select
        {% for parameter in parameters -%}
        pivoted.{{ parameter }},
        {% endfor -%}
        runs.as_of_date,
        cast(date_trunc('month', runs.as_of_date) as date) as as_of_month,
        '{{ env_var("CRM_REPORTING_CURRENCY", "EUR") }}' as reporting_currency
    from runs
    cross join pivoted

)

select * from final
