-- kpi_lead_conversion_monthly: month, numerator, denominator.
with enquiries as (
    select
        "ConvertedOpportunityId" as deal_id,
        crm_moment("CreatedDate") as created_at,
        "IsDeleted" = 'true' as is_deleted
    from salesforce_lead
    qualify row_number() over (partition by "Id" order by crm_moment("SystemModstamp") desc, file desc, line desc) = 1
)

select
    month_of(created_at) as month,
    count(*) filter (where exists (from counted_deals where counted_deals.deal_id = enquiries.deal_id and is_won)) as numerator,
    count(*) as denominator
from enquiries
where not is_deleted
group by all
