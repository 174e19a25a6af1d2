"""The mutation check: small mistakes put into models on purpose, to see whether a dbt unit test catches each."""
