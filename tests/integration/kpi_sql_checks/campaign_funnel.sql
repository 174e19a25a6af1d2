-- kpi_campaign_funnel: campaign, channel, wave and the seven counts.
select
    campaign_id,
    channel,
    wave,
    count(*) as addressed,
    sum((not came_back)::int) as delivered,
    case when any_value(tells_opens) then sum(opened::int) end as opened,
    case when any_value(tells_clicks) then sum(clicked::int) end as clicked,
    sum(responded::int) as responded,
    sum(bought::int) as converted,
    sum(left_us::int) as unsubscribed
from recipients_judged
group by all
