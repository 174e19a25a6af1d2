{#- Grain: one row per scope (a segment, or global) and customer assigned in it. -#}

with parameters as (

    select * from {{ ref('dim_parameters') }}

),

draws as (

    select * from {{ ref('kpi_holdout_draws') }}

),

segments as (

    select * from {{ source('journal', 'segments') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}
    where segment is not null

),

campaign_contacts as (

    select * from {{ ref('fct_campaign_contacts') }}
    where not is_control and not is_deleted

),

campaign_costs as (

    select * from {{ ref('kpi_campaign_costs') }}

),

-- Each list has its own window; all of them together have that of the house.
windows as (

    select
        draws.scope,
        draws.customer_key,
        draws.assigned_date,
        {{ date_plus('draws.assigned_date', 'coalesce(segments.outcome_days, parameters.outcome_window_days)') }} as until_date,
        draws.is_holdout,
        draws.holdout_share
    from draws
    cross join parameters
    left join segments on draws.scope = segments.segment and draws.assigned_date = segments.as_of_date

),

-- The last share that held anybody out. Another share is another draw: the two would mix seasons in different proportions.
shares as (

    select
        scope,
        max_by(holdout_share, assigned_date) as holdout_share
    from windows
    where holdout_share > 0
    group by scope

),

contacts as (

    select
        campaigns.segment,
        campaign_contacts.*,
        campaign_contacts.is_clicked or campaign_contacts.is_replied or campaign_contacts.is_converted as is_responded,
        campaign_costs.cost_per_contact
    from campaign_contacts
    cross join parameters
    inner join campaigns on campaign_contacts.campaign_key = campaigns.campaign_key
    left join campaign_costs on campaign_contacts.campaign_key = campaign_costs.campaign_key
    where campaign_contacts.contact_date <= parameters.as_of_date

),

-- A contact meets the one assignment of its list and the one over all lists, so nothing is counted twice in either. The first is
-- that of the earliest day, then the first by key.
contacted as (

    select
        windows.scope,
        windows.customer_key,
        min_by(contacts.argument, cast(contacts.contact_date as string) || contacts.campaign_contact_key) as argument,
        count(*) as contact_count,
        bool_or(contacts.is_responded) as is_responded,
        sum(contacts.cost_per_contact) as contact_cost
    from windows
    inner join contacts
        on
            windows.customer_key = contacts.customer_key
            and (windows.scope = contacts.segment or windows.scope = 'global')
            and windows.assigned_date <= contacts.contact_date
            and windows.until_date >= contacts.contact_date
    group by windows.scope, windows.customer_key

),

final as (

    select
        {{ surrogate_key(['windows.scope', 'windows.customer_key']) }} as list_assignment_key,
        windows.*,
        windows.holdout_share = coalesce(shares.holdout_share, windows.holdout_share) as is_same_draw,
        coalesce(contacted.argument, 'unknown') as argument,
        coalesce(contacted.contact_count, 0) as contact_count,
        coalesce(contacted.is_responded, false) as is_responded,
        cast(coalesce(contacted.contact_cost, 0) as decimal(18, 8)) as contact_cost
    from windows
    left join shares on windows.scope = shares.scope
    left join contacted on windows.scope = contacted.scope and windows.customer_key = contacted.customer_key

)

select * from final
