"""Rules every file of the project keeps, checked in milliseconds over the dbt manifest, the assets and the source."""
