{#- Grain: one row per customer who bought lately or is under contract. -#}

with clusters as (

    select * from {{ source('fitted', 'customer_clusters') }}

),

names as (

    select * from {{ source('fitted', 'customer_cluster_names') }}

),

parameters as (

    select * from {{ ref('dim_parameters') }}

),

-- A cluster is known by its name: one that is called otherwise is another one.
final as (

    select
        clusters.customer_key,
        parameters.as_of_date,
        {{ surrogate_key(['names.cluster_name']) }} as cluster_key,
        clusters.cluster_number,
        names.cluster_name,
        clusters.typical_rate,
        names.differences,
        names.method
    from clusters
    cross join parameters
    inner join names on clusters.cluster_number = names.cluster_number

)

select * from final
