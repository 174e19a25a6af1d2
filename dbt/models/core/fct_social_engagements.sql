{#- Grain: one row per reaction on a social network. -#}

with social_engagements as (

    select * from {{ ref('stg_social_engagements') }}

),

resolved as (

    select * from {{ ref('int_identifiers__resolved') }}

),

channels as (

    select * from {{ ref('dim_channels') }}

),

campaigns as (

    select * from {{ ref('dim_campaigns') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

-- A profile is named after its first reaction: a hash of its public name could be turned back by trying all names.
profiled as (

    select
        social_engagements.engagement_key,
        first_value(social_engagements.engagement_key) over (
            partition by
                social_engagements.source_system,
                social_engagements.network,
                coalesce(
                    nullif(lower(trim(social_engagements.handle)), ''),
                    case
                        when coalesce(social_engagements.email, social_engagements.account_id) is not null
                            then social_engagements.identity_key
                    end,
                    social_engagements.engagement_key
                )
            order by social_engagements.engaged_at, social_engagements.engagement_key
        ) as profile_key,
        nullif(resolved.customer_key, 'unknown') as customer_key
    from social_engagements
    left join resolved on social_engagements.identity_key = resolved.identity_key

),

-- Like a browser, a profile that several customers used says nothing about its other reactions.
profiles as (

    select
        profiled.profile_key,
        min(profiled.customer_key) as customer_key
    from profiled
    inner join social_engagements on profiled.engagement_key = social_engagements.engagement_key
    where not social_engagements.is_deleted
    group by profiled.profile_key
    having count(distinct profiled.customer_key) = 1

),

final as (

    select
        social_engagements.engagement_key,
        profiled.profile_key,
        coalesce(profiled.customer_key, profiles.customer_key, 'unknown') as customer_key,
        profiled.customer_key is null and profiles.customer_key is not null as is_stitched,
        social_engagements.network,
        social_engagements.engagement_type,
        coalesce(channels.channel_key, 'unknown') as channel_key,
        coalesce(campaigns.campaign_key, 'unknown') as campaign_key,
        coalesce(products.product_key, 'unknown') as product_key,
        coalesce(social_engagements.post_id, 'unknown') as post_id,
        social_engagements.engaged_at,
        cast(social_engagements.engaged_at as date) as engagement_date,
        coalesce(social_engagements.sentiment, 'unknown') as sentiment,
        social_engagements.rating,
        social_engagements.is_deleted
    from social_engagements
    inner join profiled on social_engagements.engagement_key = profiled.engagement_key
    left join profiles on profiled.profile_key = profiles.profile_key
    left join channels on channels.channel = 'social'
    left join campaigns on {{ surrogate_key(['social_engagements.campaign_id']) }} = campaigns.campaign_key
    left join products on {{ surrogate_key(['social_engagements.product_id']) }} = products.product_key

)

select * from final
